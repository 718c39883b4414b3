/**
 * The dashboard's server-sent events (HTML standard §9.2): the whole state every second, to a bounded number of
 * pages.
 */
import type { ServerResponse } from 'node:http';
import { guarded } from '../../base/faults.ts';

/** Pages at once; a state is some kilobytes a second to each. */
const maxPages = 32;
/** A page that does not read is cut when this much waits for it, in bytes; it comes back by itself. */
const maxWaitingBytes = 2 ** 20;
const everyMs = 1000;
/** How soon a page comes back after a cut, in ms. */
const retryMs = 2000;

export interface EventsDeps {
  /** Called once a second, pages or not. */
  readonly tick: (at: number) => void;
  /** What a page needs once. */
  readonly hello: (host: string | undefined) => string;
  /** What it needs every second; made once for all pages. */
  readonly state: () => string;
}

export interface Events {
  /** Serves a page until it leaves; false when there are too many. */
  open(response: ServerResponse, host: string | undefined): boolean;
  /** Sends the state at once, because something has changed. */
  readonly push: () => void;
  close(): void;
}

/** One event; JSON has no raw newline, so one data line is enough. */
const eventOf = (name: string, data: string): string => `event: ${name}\ndata: ${data}\n\n`;

/**
 * Creates the event stream of the dashboard: `hello` once and `state` every second, to at most 32 pages. A page that
 * leaves more than 1 MiB unread is disconnected. `tick` is called every second until `close()`.
 */
export function createEvents({ tick, hello, state }: EventsDeps): Events {
  const pages = new Set<ServerResponse>();
  const push = (): void => {
    if (pages.size === 0) return;
    const event = eventOf('state', state());
    for (const page of pages) {
      if (page.writableLength > maxWaitingBytes) page.destroy();
      else page.write(event);
    }
  };
  const timer = setInterval(
    guarded('timer', () => {
      tick(Date.now());
      push();
    }),
    everyMs,
  ).unref();

  return {
    open(response, host) {
      if (pages.size >= maxPages) return false;
      pages.add(response);
      response.once('close', () => pages.delete(response));
      response.writeHead(200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        // proxies that buffer would hold every event back
        'x-accel-buffering': 'no',
      });
      response.write(`retry: ${retryMs}\n\n${eventOf('hello', hello(host))}${eventOf('state', state())}`);
      return true;
    },
    push,
    close() {
      clearInterval(timer);
      for (const page of pages) page.destroy();
    },
  };
}
