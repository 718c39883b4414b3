/** The snippets: one is shown at a time, with a button that copies it. */
import { h } from '../dom.ts';
import { type SnippetCall, snippets } from './snippets.ts';

export interface CodeView {
  readonly element: HTMLElement;
  show(call: SnippetCall): void;
  /** The inputs are not complete: there is nothing to show. */
  wait(): void;
}

/** Longer code is cut on the screen, not when it is copied: browsers are slow with a megabyte in one element. */
const maxShown = 20_000;

/** Creates the view of the code snippets of a call, cut at 20,000 characters on the screen. */
export function codeView(): CodeView {
  const choices = h('div', { class: 'choices', role: 'radiogroup', 'aria-label': 'Language' });
  const text = h('code', {});
  const copy = h('button', { type: 'button' }, 'Copy');
  const element = h('div', { class: 'code' }, choices, h('pre', { tabindex: 0 }, text), copy);
  let call: SnippetCall | undefined;
  let chosen = 'curl';

  function code(): string {
    return call === undefined ? '' : (snippets(call).find(({ name }) => name === chosen)?.code ?? '');
  }
  function draw(): void {
    const all = code();
    copy.disabled = all === '';
    text.textContent =
      all === '' ? 'Fill the inputs first.' : all.length > maxShown ? `${all.slice(0, maxShown)}\n…` : all;
  }
  for (const name of ['curl', 'ovmsclient', 'tensorflow-serving-api', 'JavaScript']) {
    const radio = h('input', { type: 'radio', name: 'language', value: name, checked: name === chosen });
    radio.addEventListener('change', () => {
      chosen = name;
      draw();
    });
    choices.append(h('label', { class: 'choice' }, radio, ` ${name}`));
  }
  copy.addEventListener('click', () => {
    // without a secure context (plain HTTP on a network) there is no clipboard: the text is selected instead
    const selected = (): void => getSelection()?.selectAllChildren(text);
    const clipboard = navigator.clipboard as Clipboard | undefined;
    if (clipboard === undefined) selected();
    else
      clipboard.writeText(code()).then(() => {
        copy.textContent = 'Copied';
        setTimeout(() => (copy.textContent = 'Copy'), 1500);
      }, selected);
  });
  draw();
  return {
    element,
    show(next) {
      call = next;
      draw();
    },
    wait() {
      call = undefined;
      draw();
    },
  };
}
