/** What is counted of HTTP that passes as it is: requests by status, time, time to the first byte, bytes. */
import type { HttpEnd } from '../call/index.ts';
import { HistogramFamily, NumberFamily } from './family.ts';

/** Methods that a request can have; a client's own inventions share a label. */
const methods: ReadonlySet<string> = new Set(['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT']);

/** Metric families of proxied HTTP requests, all named `PREFIX_proxy_*`. */
export class HttpMetrics {
  readonly #requests: NumberFamily;
  readonly #current: NumberFamily;
  readonly #time: HistogramFamily;
  readonly #firstByte: HistogramFamily;
  readonly #requestBytes: NumberFamily;
  readonly #replyBytes: NumberFamily;
  readonly families: readonly (NumberFamily | HistogramFamily)[];

  constructor(prefix: string, maxSeries: number) {
    const options = (name: string, help: string, labels: string[]) => ({
      name: `${prefix}_proxy_${name}`,
      help,
      labels,
      maxSeries,
    });
    const route = ['prefix'];
    this.#requests = new NumberFamily(
      'counter',
      options(
        'requests_total',
        'Requests below the prefixes that pass, by HTTP status; 0 when the client left before.',
        ['prefix', 'method', 'status', 'complete'],
      ),
    );
    this.#current = new NumberFamily('gauge', options('current_requests', 'Requests under way.', route));
    this.#time = new HistogramFamily(
      options('request_time_us', 'Time until the end of complete answers, in microseconds.', route),
    );
    this.#firstByte = new HistogramFamily(
      options('first_byte_time_us', 'Time until the first byte of an answer’s body, in microseconds.', route),
    );
    this.#requestBytes = new NumberFamily(
      'counter',
      options('request_bytes_total', 'Bytes of request bodies.', route),
    );
    this.#replyBytes = new NumberFamily(
      'counter',
      options('response_bytes_total', 'Bytes of answers’ bodies.', route),
    );
    this.families = [
      this.#requests,
      this.#current,
      this.#time,
      this.#firstByte,
      this.#requestBytes,
      this.#replyBytes,
    ];
  }

  started(prefix: string): void {
    this.#current.cell(prefix).value++;
  }

  ended(end: HttpEnd): void {
    const { prefix, method, status, complete } = end;
    this.#current.cell(prefix).value--;
    const label = methods.has(method) ? method : 'other';
    this.#requests.cell(prefix, label, String(status), String(complete)).value++;
    if (complete) this.#time.cell(prefix).observe(end.durationMs * 1000);
    if (end.firstByteMs !== undefined) this.#firstByte.cell(prefix).observe(end.firstByteMs * 1000);
    this.#requestBytes.cell(prefix).value += end.requestBytes;
    this.#replyBytes.cell(prefix).value += end.replyBytes;
  }
}
