/**
 * The playground: choose a model, fill its inputs, send them over gRPC-Web from the page itself, and see what comes
 * back.
 */
import { connect, type Model } from '../../../../clients/web/src/client.ts';
import type { ModelMetadata } from '../../../../clients/web/src/messages.ts';
import type { Tensor } from '../../../../clients/web/src/tensor.ts';
import { h, patch } from '../dom.ts';
import type { Live } from '../live.ts';
import type { Page } from '../main.ts';
import { answerView, errorView } from './answer.ts';
import { codeView } from './code-view.ts';
import { type InputEditor, inputEditor } from './input-editor.ts';
import { infoText } from './sample.ts';

/** The newest available version. */
const newest = '';
/** A model that the fleet has not been asked for yet: servers with TensorFlow Serving's API cannot list theirs. */
const another = ' another';
const timeoutMs = 30_000;
/** Drawing is more fun than numbers: the demo opens with it. */
const favourite = 'digits';

/** Creates the page that sends a Predict call over gRPC-Web with a time-out of 30 s. */
export function playgroundPage(): Page {
  const modelSelect = h('select', { id: 'model' });
  const otherName = h('input', {
    type: 'text',
    placeholder: 'name',
    'aria-label': 'Name of another model',
    hidden: true,
  });
  const versionSelect = h('select', { id: 'version' });
  const signatureSelect = h('select', { id: 'signature' });
  const about = h('div', { class: 'signature' });
  const inputs = h('div', { class: 'inputs' });
  const send = h('button', { type: 'submit', class: 'primary' }, 'Send');
  const nothing = (): HTMLElement => h('p', { class: 'hint' }, 'Nothing sent yet.');
  const answer = h('div', { class: 'answer', role: 'status' }, nothing());
  const unreachable = h('p', { class: 'problem', role: 'status', hidden: true });
  const code = codeView();
  const form = h(
    'form',
    {},
    h(
      'div',
      { class: 'selects' },
      field('Model', modelSelect, otherName),
      field('Version', versionSelect),
      field('Signature', signatureSelect),
    ),
    about,
    inputs,
    send,
  );
  const element = h(
    'div',
    {},
    h('h1', {}, 'Playground'),
    unreachable,
    h(
      'div',
      { class: 'playground' },
      form,
      h(
        'section',
        { 'aria-label': 'Answer' },
        h('h2', {}, 'Answer'),
        answer,
        h('h2', {}, 'The same call elsewhere'),
        code.element,
      ),
    ),
  );

  let live: Live | undefined;
  let metadata: ModelMetadata | undefined;
  let editors: readonly InputEditor[] = [];
  /**
   * The model and the inputs that these are for: what is filled in stays while another version is asked that has the
   * same.
   */
  let edited = '';
  let sequence = 0;
  /** The first models have come. */
  let begun = false;

  const modelName = (): string =>
    modelSelect.value === another ? otherName.value.trim() : modelSelect.value;

  function model(): Model | undefined {
    const webUrl = live?.hello?.webUrl;
    const name = modelName();
    if (webUrl === undefined || name === '') return undefined;
    const version = versionSelect.value;
    const signature = signatureSelect.value;
    return connect(webUrl, { timeoutMs }).model(name, {
      ...(version === newest ? {} : { version: BigInt(version) }),
      ...(signature === '' || signature === 'serving_default' ? {} : { signature }),
    });
  }

  /** Reads the signatures of the chosen model and version; an answer that comes too late is dropped. */
  async function load(): Promise<void> {
    const mine = ++sequence;
    const chosen = model();
    if (chosen === undefined) return;
    try {
      const found = await chosen.metadata();
      if (mine !== sequence) return;
      metadata = found;
      const names = Object.keys(found.signatures).sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
      options(
        signatureSelect,
        names.map((name) => [name, name] as const),
      );
      showSignature();
    } catch (error) {
      if (mine !== sequence) return;
      metadata = undefined;
      signatureSelect.replaceChildren();
      inputs.replaceChildren();
      edited = '';
      about.replaceChildren(...errorView(error));
    }
  }

  function showSignature(): void {
    const signature = metadata?.signatures[signatureSelect.value];
    if (signature === undefined) return;
    const row = (kind: string, entries: (typeof signature)['inputs']): HTMLElement[] =>
      Object.entries(entries).map(([name, info]) =>
        h(
          'tr',
          {},
          h('td', {}, kind),
          h('th', { scope: 'row' }, name),
          h('td', {}, h('code', {}, infoText(info))),
        ),
      );
    about.replaceChildren(
      h(
        'table',
        { class: 'plain' },
        h('caption', {}, 'Signature'),
        h('tbody', {}, ...row('in', signature.inputs), ...row('out', signature.outputs)),
      ),
    );
    const predicts = signature.method === 'tensorflow/serving/predict';
    send.disabled = !predicts;
    const wanted = Object.entries(signature.inputs).map(([name, info]) => [name, infoText(info)]);
    const key = JSON.stringify([modelName(), predicts, wanted]);
    if (key === edited) {
      changed();
      return;
    }
    edited = key;
    editors = predicts
      ? Object.entries(signature.inputs).map(([name, info]) => inputEditor(name, info, changed))
      : [];
    inputs.replaceChildren(
      ...editors.map((editor) => editor.element),
      ...(predicts
        ? []
        : [
            h(
              'p',
              { class: 'hint' },
              `This signature is for ${signature.method}: the playground calls Predict.`,
            ),
          ]),
    );
    changed();
  }

  async function values(): Promise<Record<string, Tensor>> {
    const tensors = await Promise.all(
      editors.map(async (editor) => [editor.name, await editor.value()] as const),
    );
    return Object.fromEntries(tensors);
  }

  /** Keeps the code in step with the inputs; while these are not complete it stays as it is. */
  function changed(): void {
    const chosen = model();
    const webUrl = live?.hello?.webUrl;
    if (chosen === undefined || webUrl === undefined) return;
    values().then(
      (tensors) => code.show({ url: webUrl, spec: chosen.spec, inputs: tensors }),
      () => code.wait(),
    );
  }

  async function run(): Promise<void> {
    const chosen = model();
    if (chosen === undefined) return;
    send.disabled = true;
    answer.setAttribute('aria-busy', 'true');
    try {
      answer.replaceChildren(...answerView(await chosen.run(await values())));
    } catch (error) {
      answer.replaceChildren(...errorView(error));
    } finally {
      answer.removeAttribute('aria-busy');
      send.disabled = false;
    }
  }

  /** What was answered before was another model's, or another part of it. */
  function forget(): void {
    answer.replaceChildren(nothing());
  }
  const loadAgain = (): void => {
    forget();
    void load();
  };
  const showName = (): void => void (otherName.hidden = modelSelect.value !== another);
  modelSelect.addEventListener('change', () => {
    showName();
    if (!otherName.hidden) otherName.focus();
    // the inputs of another model are not to be filled while this one's are on their way
    for (const part of [signatureSelect, about, inputs]) part.replaceChildren();
    edited = '';
    showVersions();
    loadAgain();
  });
  otherName.addEventListener('change', loadAgain);
  versionSelect.addEventListener('change', loadAgain);
  signatureSelect.addEventListener('change', () => {
    forget();
    showSignature();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void run();
  });

  function showVersions(): void {
    const found = live?.state?.fleets
      .flatMap(({ models }) => models)
      .find(({ asked }) => asked.includes(modelName()));
    options(versionSelect, [
      [newest, 'newest'],
      ...(found?.versions ?? []).map(
        ({ version, state }) =>
          [version, state === 'AVAILABLE' ? version : `${version} (${state.toLowerCase()})`] as const,
      ),
    ]);
  }

  function showReach({ state }: Live): void {
    const backends = state?.fleets.flatMap((fleet) => fleet.backends) ?? [];
    const down = backends.filter(({ up }) => !up);
    unreachable.hidden = backends.length === 0 || down.length < backends.length;
    const [why] = down;
    unreachable.textContent = `No backend is up${why === undefined ? '' : `: ${why.name}, ${why.reason}`}.`;
  }

  return {
    title: 'Playground',
    element,
    update(next) {
      live = next;
      const names = [
        ...new Set(next.state?.fleets.flatMap(({ models }) => models.flatMap(({ asked }) => asked)) ?? []),
      ];
      const first = !begun && next.hello !== undefined && names.length > 0;
      begun ||= first;
      options(modelSelect, [...names.sort().map((name) => [name, name] as const), [another, 'another …']]);
      if (first && names.includes(favourite)) modelSelect.value = favourite;
      // a fleet whose models nobody has named yet: the name is asked for at once
      showName();
      showReach(next);
      showVersions();
      if (first) loadAgain();
    },
  };
}

const rank = (name: string): number => (name === 'serving_default' ? 0 : 1);

function field(name: string, control: HTMLElement, ...more: readonly HTMLElement[]): HTMLElement {
  return h('div', {}, h('label', { for: control.id }, name), control, ...more);
}

/** Fills a select without losing what is chosen. */
function options(
  select: HTMLSelectElement,
  entries: readonly (readonly [value: string, text: string])[],
): void {
  const before = select.value;
  patch(select, ...entries.map(([value, text]) => h('option', { value }, text)));
  if (entries.some(([value]) => value === before)) select.value = before;
}
