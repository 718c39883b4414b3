/** OpenAI's own client, unchanged, against the gateway: chat completions streamed and whole, models, errors. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import OpenAI, { APIConnectionError, APIError, APIUserAbortError, NotFoundError } from 'openai';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  type GenerativeServer,
  sleep,
  startGenerativeServer,
  startTestGateway,
  type TestGateway,
  waitFor,
} from '../support/index.ts';

const messages = [{ role: 'user', content: 'say words' }] as const;

describe('the openai client', () => {
  let server: GenerativeServer;
  let fleet: DemoFleet;
  let gateway: TestGateway;

  before(async () => {
    server = await startGenerativeServer({ events: 5, pauseMs: 20 });
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    gateway = await startTestGateway([fleet.backends[0]?.url ?? ''], {
      fleets: { llm: { backends: [server.url], health: { intervalMs: 200, fastIntervalMs: 50 } } },
      models: { half_plus_two: {} },
      proxy: {
        routes: [
          { prefix: '/v3', fleet: 'llm' },
          { prefix: '/v1/chat', fleet: 'llm', rewrite: '/v3/chat' },
        ],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await fleet.stop();
    await server.close();
  });

  for (const path of ['/v3', '/v1']) {
    const client = (): OpenAI =>
      new OpenAI({ baseURL: `http://${gateway.rest}${path}`, apiKey: 'secret', maxRetries: 0 });

    it(`streams a chat completion from ${path}`, async () => {
      const stream = await client().chat.completions.create({
        model: 'tiny-llm',
        stream: true,
        messages: [...messages],
      });
      let text = '';
      for await (const part of stream) text += part.choices[0]?.delta.content ?? '';
      assert.equal(text, 'word0 word1 word2 word3 word4 ');
      assert.equal(server.seen.at(-1)?.headers.authorization, 'Bearer secret');
    });

    it(`gets a whole chat completion from ${path}, and an API error as one`, async () => {
      const whole = await client().chat.completions.create({ model: 'tiny-llm', messages: [...messages] });
      assert.equal(whole.choices[0]?.message.content, 'a word');
      await assert.rejects(
        client().chat.completions.create({ model: 'nobody', messages: [...messages] }),
        (error) => error instanceof NotFoundError && /Model nobody not found/.test(error.message),
      );
    });

    it(`lists and retrieves models from ${path}`, async () => {
      const ids: string[] = [];
      for await (const model of client().models.list()) ids.push(model.id);
      assert.deepEqual(
        ids.sort(),
        path === '/v1' ? ['acme/slash-llm', 'half_plus_two', 'tiny-llm'] : ['acme/slash-llm', 'tiny-llm'],
      );
      if (path === '/v3') return;
      const slash = await client().models.retrieve('acme/slash-llm');
      assert.deepEqual(slash, {
        id: 'acme/slash-llm',
        object: 'model',
        created: 1_700_000_000,
        owned_by: 'OVMS',
      });
      const served = await client().models.retrieve('half_plus_two');
      assert.equal(served.id, 'half_plus_two');
      assert.equal(served.object, 'model');
      assert.equal(typeof served.created, 'number');
      assert.equal(typeof served.owned_by, 'string');
      await assert.rejects(client().models.retrieve('nobody'), NotFoundError);
    });

    it(`stops a stream from ${path}, which the server sees`, async () => {
      const stream = await client().chat.completions.create(
        { model: 'tiny-llm', stream: true, messages: [...messages] },
        { headers: { 'x-events': '1000' } },
      );
      for await (const part of stream) {
        assert.ok(part.id);
        break;
      }
      const leftMs = performance.now();
      const seenMs = await waitFor(() => server.seen.at(-1)?.leftAtMs);
      assert.ok(seenMs - leftMs < 1000);
    });
  }

  it('reads the gateway’s own errors, and one in the middle of a stream', async () => {
    const client = new OpenAI({ baseURL: `http://${gateway.rest}/v3`, apiKey: 'secret', maxRetries: 0 });
    server.answer = (request) => request.socket.destroy();
    await assert.rejects(
      client.chat.completions.create({ model: 'tiny-llm', messages: [...messages] }),
      (error) =>
        error instanceof APIError &&
        error.status === 502 &&
        error.type === 'server_error' &&
        /broke off before it answered/.test(error.message),
    );
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\n');
      setTimeout(() => response.destroy(), 50);
    };
    const stream = await client.chat.completions.create({
      model: 'tiny-llm',
      stream: true,
      messages: [...messages],
    });
    let text = '';
    await assert.rejects(
      async () => {
        for await (const part of stream) text += part.choices[0]?.delta.content ?? '';
      },
      (error) => error instanceof APIError && /broke off in the middle/.test(error.message),
    );
    assert.equal(text, 'half');
    server.answer = undefined;
  });

  it('retries by itself what the gateway says may be tried again', async () => {
    const client = new OpenAI({ baseURL: `http://${gateway.rest}/v3`, apiKey: 'secret', maxRetries: 2 });
    server.health = 503;
    await waitFor(async () => (await fetch(`http://${gateway.rest}/v3/x`)).status === 503);
    const answer = client.chat.completions.create({ model: 'tiny-llm', messages: [...messages] });
    await sleep(200);
    server.health = 200;
    assert.equal((await answer).choices[0]?.message.content, 'a word');
  });

  it('gives up when it is told to', async () => {
    const client = new OpenAI({ baseURL: `http://${gateway.rest}/v3`, apiKey: 'secret', maxRetries: 0 });
    server.answer = () => undefined;
    const stop = new AbortController();
    const before = server.seen.length;
    const answer = client.chat.completions.create(
      { model: 'tiny-llm', messages: [...messages] },
      { signal: stop.signal },
    );
    const refused = assert.rejects(
      answer,
      (error) => error instanceof APIUserAbortError || error instanceof APIConnectionError,
    );
    // Only what has reached the server can be seen to leave it.
    const seen = await waitFor(() => server.seen[before]);
    stop.abort();
    await refused;
    await waitFor(() => seen.leftAtMs);
    server.answer = undefined;
  });
});
