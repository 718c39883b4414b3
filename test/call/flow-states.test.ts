/** The states of a flow: the tables of docs/states.md, event by event. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../src/base/status.ts';
import {
  Flow,
  type FlowEndState,
  type FlowReader,
  type FlowReaderState,
  type FlowRetentionState,
} from '../../src/call/index.ts';

const reader: FlowReader = { onData() {}, onEnd() {}, onError() {} };
const chunk = Uint8Array.of(1, 2, 3);

type Event = (flow: Flow) => void;
const push: Event = (flow) => {
  flow.push(chunk);
};
const end: Event = (flow) => {
  flow.end();
};
const fail: Event = (flow) => {
  flow.fail(new StatusError(Code.UNAVAILABLE, 'gone'));
};
const discard: Event = (flow) => {
  flow.discard();
};
const abandon: Event = (flow) => {
  flow.abandon();
};
const read: Event = (flow) => {
  flow.read(reader);
};
const detach: Event = (flow) => {
  flow.detach();
};
const dropCopy: Event = (flow) => {
  flow.dropCopy();
};

/** What each state does at each event. @param reach brings a new flow there */
function table<State extends string>(
  events: readonly Event[],
  reach: Readonly<Record<State, () => Flow>>,
  stateOf: (flow: Flow) => State,
  rows: Readonly<Record<State, readonly State[]>>,
): void {
  for (const state of Object.keys(rows) as State[])
    it(`${state}: goes on as the table says`, () => {
      const next = events.map((event) => {
        const flow = reach[state]();
        assert.equal(stateOf(flow), state);
        event(flow);
        return stateOf(flow);
      });
      assert.deepEqual(next, rows[state]);
    });
}

const after = (flow: Flow, ...events: readonly Event[]): Flow => {
  for (const event of events) event(flow);
  return flow;
};

describe('how a flow ends', () => {
  table<FlowEndState>(
    [push, end, fail, discard, abandon],
    {
      open: () => new Flow(),
      ended: () => after(new Flow(), end),
      failed: () => after(new Flow(), fail),
    },
    (flow) => flow.endState,
    {
      open: ['open', 'ended', 'failed', 'failed', 'failed'],
      ended: ['ended', 'ended', 'ended', 'ended', 'ended'],
      failed: ['failed', 'failed', 'failed', 'failed', 'failed'],
    },
  );
});

describe('who reads a flow', () => {
  table<FlowReaderState>(
    [read, push, end, fail, detach, abandon],
    {
      unread: () => new Flow(true),
      reading: () => after(new Flow(true), read),
      detached: () => after(new Flow(true), read, detach),
    },
    (flow) => flow.readerState,
    {
      unread: ['reading', 'unread', 'unread', 'unread', 'unread', 'unread'],
      reading: ['reading', 'reading', 'reading', 'reading', 'detached', 'detached'],
      detached: ['reading', 'detached', 'detached', 'detached', 'detached', 'detached'],
    },
  );
});

describe('what becomes of bytes that a flow has delivered', () => {
  const pushMuch: Event = (flow) => {
    flow.push(new Uint8Array(11));
  };
  table<FlowRetentionState>(
    [dropCopy, push, pushMuch, discard],
    {
      retaining: () => new Flow(true, 10),
      streaming: () => new Flow(false, 10),
      discarded: () => after(new Flow(true, 10), discard),
    },
    (flow) => flow.retentionState,
    {
      retaining: ['streaming', 'retaining', 'streaming', 'discarded'],
      streaming: ['streaming', 'streaming', 'streaming', 'discarded'],
      discarded: ['discarded', 'discarded', 'discarded', 'discarded'],
    },
  );

  it('keeps retaining while a reader will peek, or somebody has views', () => {
    const pinned = new Flow(true);
    pinned.readToPeek(reader);
    assert.equal(after(pinned, dropCopy).retentionState, 'retaining');
    const viewed = new Flow(true);
    const done = viewed.view();
    assert.equal(after(viewed, dropCopy).retentionState, 'retaining');
    done();
    assert.equal(after(viewed, dropCopy).retentionState, 'streaming');
  });
});
