/**
 * The playground in a real Chromium: draw digits and read the answers, send JSON, images and files, and run the code
 * that it shows.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  freePort,
  missing,
  python,
  run,
  startProcess,
  startTestGateway,
  type TestGateway,
  waitFor,
} from '../support/index.ts';
import { startBrowser, type TestBrowser } from './chromium.ts';
import { digitStrokes, drawDigit } from './pen.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const sunset = at('../../examples/sunset.jpg');
const client = at('../../clients/web/src/index.ts');

async function send(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Send' }).click();
  await page
    .locator('.answer:not([aria-busy])')
    .getByText(/^answered in/)
    .waitFor();
}

/** Draws a digit on the page and gives the class that the model names. */
async function namedClass(page: Page, digit: number): Promise<string> {
  await page.getByRole('button', { name: 'Clear' }).click();
  await drawDigit(page, digit);
  await send(page);
  return page.locator('.answer .value').innerText();
}

describe('the playground', { skip: missing('chromium') }, () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  let browser: TestBrowser;
  before(async () => {
    [fleet, browser] = await Promise.all([startDemoFleet({ replicas: 2 }), startBrowser()]);
    gateway = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      { models: { digits: {}, half_plus_two: {}, image: {}, text: {}, echo: {} } },
    );
  });
  after(async () => {
    await browser.close();
    await gateway.stop();
    await fleet.stop();
  });
  /** The playground with a model chosen, and its first input on the screen. */
  const open = async (model: string): Promise<{ page: Page; errors: string[] }> => {
    const { page, errors } = await browser.page({ permissions: ['clipboard-read', 'clipboard-write'] });
    await page.goto(`http://${gateway.admin}/#/playground`);
    await page.locator('fieldset').waitFor();
    await page.getByLabel('Model', { exact: true }).selectOption(model);
    await page.locator('fieldset').first().waitFor();
    await page
      .locator('.code')
      .getByText(model)
      .or(page.getByText('Fill the inputs first'))
      .first()
      .waitFor();
    return { page, errors };
  };
  const copied = async (page: Page, language: string): Promise<string> => {
    await page.getByLabel(language, { exact: true }).check();
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };

  it('names the digits that the mouse draws', async () => {
    const { page, errors } = await open('digits');
    for (const digit of Object.keys(digitStrokes).map(Number))
      assert.equal(await namedClass(page, digit), String(digit));
    assert.match(await page.locator('.from').innerText(), /by 127\.0\.0\.1:\d+\s+version 2/);
    assert.equal(
      await page.getByRole('img', { name: /^probabilities, row 0: 10 values, the largest/ }).count(),
      1,
    );
    assert.deepEqual(errors, []);
    await page.context().close();
  });

  it('asks for a drawing before it sends nothing', async () => {
    const { page } = await open('digits');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText('NOT SENT: pixels: draw something first').waitFor();
    await page.context().close();
  });

  it('sends JSON to the version that was chosen, and shows what the model says against it', async () => {
    const { page, errors } = await open('digits');
    await page.getByLabel('Version').selectOption('1');
    await page.getByLabel('JSON', { exact: true }).check();
    await send(page);
    assert.match(await page.locator('.from').innerText(), /version 1/);
    await page.getByLabel('Value as JSON').fill('[[1, 2]]');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText(/^INVALID_ARGUMENT: /).waitFor();
    await page.getByLabel('Value as JSON').fill('[[1, 2], [3]]');
    await page.getByRole('button', { name: 'Send' }).click();
    await page
      .getByText('NOT SENT: pixels: not a float32 tensor: the rows of a tensor must have equal lengths')
      .waitFor();
    assert.deepEqual(errors, []);
    await page.context().close();
  });

  it('keeps what is filled in while another version is asked what it takes, however long that takes', async () => {
    const { page, errors } = await open('digits');
    let answers: () => void = () => undefined;
    const later = new Promise<void>((resolve) => (answers = resolve));
    let asked = 0;
    await page.route('**/GetModelMetadata', async (route) => {
      asked++;
      await later;
      await route.continue();
    });
    await page.getByLabel('Version').selectOption('1');
    await page.getByLabel('JSON', { exact: true }).check();
    await page.getByLabel('Value as JSON').fill('[[1, 2]]');
    await waitFor(() => asked === 1, 5000, 'the question about version 1');
    // the page draws the signature anew when the answer has come; Playwright's finished() may wait without end for a
    // stream whose reader was cancelled
    const before = await page.getByRole('table', { name: 'Signature' }).elementHandle();
    answers();
    await before?.waitForElementState('hidden');
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByText(/^INVALID_ARGUMENT: /).waitFor();
    assert.equal(await page.getByLabel('Value as JSON').inputValue(), '[[1, 2]]');
    assert.deepEqual(errors, []);
    await page.context().close();
  });

  it('takes an image file, as bytes or as pixels', async () => {
    const { page } = await open('image');
    await page.getByLabel('File', { exact: true }).first().check();
    await page.locator('input[type=file]').setInputFiles(sunset);
    await page.getByText(/^sunset\.jpg, /).waitFor();
    await send(page);
    assert.ok((await page.locator('.answer section').count()) > 0);
    await page.getByLabel('Model', { exact: true }).selectOption('digits');
    await page.locator('.sheet').waitFor();
    await page.getByLabel('Image', { exact: true }).check();
    await page.locator('input[type=file]').setInputFiles(at('../../examples/digit-7.png'));
    await page.getByText(/sent as 8 by 8/).waitFor();
    await send(page);
    assert.match(await page.locator('.answer .value').innerText(), /^\d$/);
    await page.context().close();
  });

  it('calls a model that nobody has asked for yet, and says when there is none', async () => {
    const { page } = await open('digits');
    await page.getByLabel('Model', { exact: true }).selectOption('another …');
    await page.getByLabel('Name of another model').fill('my_model');
    await page.getByLabel('Name of another model').press('Tab');
    await page.locator('fieldset').waitFor();
    await send(page);
    await page.getByLabel('Model', { exact: true }).selectOption('another …');
    await page.getByLabel('Name of another model').fill('nope');
    await page.getByLabel('Name of another model').press('Tab');
    await page.getByText(/^NOT_FOUND: .*nope/).waitFor();
    await page.context().close();
  });

  it('keeps 64-bit integers whole', async () => {
    const { page } = await open('echo');
    await page.getByLabel('Signature', { exact: true }).selectOption('int64');
    await page.getByLabel('Value as JSON').fill('[9007199254740993, -1]');
    await send(page);
    assert.match(await page.locator('.answer pre').innerText(), /9007199254740993\s+-1/);
    assert.match(await copied(page, 'curl'), /\[9007199254740993, -1\]/);
    await page.context().close();
  });

  describe('shows code that runs:', { skip: missing('curl', 'ovmsclient', 'tfs') }, () => {
    /** Runs pieces of code as a person would, one after the other. */
    const runners: Readonly<Record<string, (...codes: string[]) => ReturnType<typeof run>>> = {
      curl: (...codes) => run('bash', ['-c', codes.join('\n')]),
      ovmsclient: (...codes) => python('ovmsclient', codes.join('\n')),
      'tensorflow-serving-api': (...codes) => python('tfs', codes.join('\n')),
      JavaScript: async (...codes) => {
        const results = await Promise.all(
          codes.map((code) =>
            run(process.execPath, ['--input-type=module', '-e', code.replace('@tensorgate/web', client)]),
          ),
        );
        return {
          code: Math.max(...results.map(({ code }) => code ?? 1)),
          stdout: results.map(({ stdout }) => stdout).join('\n'),
          stderr: results.map(({ stderr }) => stderr).join('\n'),
        };
      },
    };
    for (const [language, runner] of Object.entries(runners)) {
      it(`${language}, with numbers and with an image`, async () => {
        const { page } = await open('half_plus_two');
        await page.getByLabel('Value as JSON').fill('[[1], [2], [5.5]]');
        const numbers = await copied(page, language);
        await page.getByLabel('Model', { exact: true }).selectOption('image');
        await page.locator('fieldset').waitFor();
        await page.getByLabel('File', { exact: true }).first().check();
        await page.locator('input[type=file]').setInputFiles(sunset);
        await page.getByText(/^sunset\.jpg, /).waitFor();
        await page
          .locator('.code')
          .getByText('models/image')
          .or(page.locator('.code').getByText('"image"'))
          .first()
          .waitFor();
        const image = await copied(page, language);
        await page.context().close();
        assert.ok(image.includes(readFileSync(sunset).toString('base64').slice(0, 100)), image.slice(0, 500));
        const { code, stdout, stderr } = await runner(numbers, image);
        assert.equal(code, 0, stderr.slice(-2000));
        assert.match(stdout, /2\.5\b[^]*\b3\b[^]*4\.75/);
        assert.doesNotMatch(stdout, /error/i);
      });
    }
  });

  it('forgets the answer of another model, and says what bytes are that are no text', async () => {
    const { page, errors } = await open('half_plus_two');
    await send(page);
    await page.getByLabel('Model', { exact: true }).selectOption('echo');
    await page.getByText('Nothing sent yet.').waitFor();
    await page.getByLabel('Signature').selectOption('string');
    await page.getByLabel('File', { exact: true }).first().check();
    await page.locator('input[type=file]').setInputFiles(sunset);
    await page.getByText(/^sunset\.jpg, /).waitFor();
    await send(page);
    assert.match(await page.locator('.answer').innerText(), /JPEG image, [\d.]+ KiB: ff d8 ff/);
    assert.deepEqual(errors, []);
    await page.context().close();
  });

  it('asks for a name where none is known, and fits one of 80 characters on a phone', async (t) => {
    const bare = await startTestGateway(fleet.backends.map(({ url }) => url));
    t.after(() => bare.stop());
    const { page, errors } = await browser.page({ viewport: { width: 360, height: 740 } });
    await page.goto(`http://${bare.admin}/#/playground`);
    const name = page.getByLabel('Name of another model');
    await name.fill('half_plus_two');
    await name.blur();
    await page.locator('fieldset').waitFor();
    await send(page);
    await name.fill('m'.repeat(80));
    await name.blur();
    await page.getByText(/^NOT_FOUND: /).waitFor();
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.equal(wider, 0, 'nothing is wider than the screen');
    assert.deepEqual(errors, []);
    await page.context().close();
  });

  it('says that no backend is up', async (t) => {
    const lonely = await startTestGateway(['tfs://127.0.0.1:1'], { models: { m: {} } });
    t.after(() => lonely.stop());
    const { page } = await browser.page();
    await page.goto(`http://${lonely.admin}/#/playground`);
    await page.getByText(/^No backend is up: 127\.0\.0\.1:1, .*refused/i).waitFor();
    await page.context().close();
  });

  it('draws on the demo as it is started from a fresh build', async () => {
    const [rest, grpc, admin] = await Promise.all([freePort(), freePort(), freePort()]);
    const ports = ['--rest-port', String(rest), '--grpc-port', String(grpc), '--admin-port', String(admin)];
    const demo = await startProcess(
      'bash',
      [at('../../bin/tensorgate'), 'demo', '--replicas', '1', ...ports],
      {
        ready: /in a browser/,
        readyTimeoutMs: 120_000,
      },
    );
    try {
      assert.match(demo.output(), new RegExp(`http://localhost:${admin}/ in a browser`));
      const { page, context, errors } = await browser.page();
      await page.goto(`http://localhost:${admin}/`);
      await page.getByRole('link', { name: 'Playground' }).click();
      await page.locator('.sheet').waitFor();
      assert.equal(await namedClass(page, 7), '7');
      assert.deepEqual(errors, []);
      await context.close();
    } finally {
      await demo.stop();
    }
  });
});
