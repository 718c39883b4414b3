/** What is counted of answers that the doors give themselves over HTTP: by door, status and model. */
import type { HttpAnswerEnd } from '../call/index.ts';
import { type Cell, NumberFamily } from './family.ts';

/** Answers that there is a series for from the start: what rises from nothing is no rise to Prometheus. */
const expected: Readonly<Record<HttpAnswerEnd['via'], readonly number[]>> = {
  REST: [0, 200, 400, 403, 404, 408, 413, 429, 500, 501, 503, 504],
  gRPC: [405, 415],
  'gRPC-Web': [204, 405, 415],
  HTTP: [400, 405, 408, 413, 429, 431, 500, 501, 505],
};
/** For each model of the configuration. */
const expectedOfModel = [200, 400, 404, 429, 500, 503, 504];

/** Cells by HTTP status. */
type Cells = (Cell | undefined)[];

/**
 * Counter of HTTP responses that listeners send themselves, by interface, status code and model; code 0 when
 * the client left before.
 */
export class HttpAnswerMetrics {
  readonly #answers: NumberFamily;
  readonly #maxModels: number;
  /** By the public names of models that are known; those of unknown ones, and of what asks none, are under "". */
  readonly #rest = new Map<string, Cells>([['', []]]);
  readonly families: readonly NumberFamily[];

  constructor(prefix: string, maxSeries: number, maxModels: number) {
    this.#maxModels = maxModels;
    this.#answers = new NumberFamily('counter', {
      name: `${prefix}_http_responses_total`,
      help: 'Answers over HTTP that the doors give themselves, by status; 0 when the client left before. RPCs and what passes have metrics of their own.',
      labels: ['interface', 'code', 'name'],
      maxSeries,
    });
    this.families = [this.#answers];
    for (const [via, statuses] of Object.entries(expected))
      for (const status of statuses) this.#answers.cell(via, String(status), '');
  }

  /** Its answers are counted under its name from now on. */
  learn(model: string): Cells | undefined {
    let cells = this.#rest.get(model);
    if (cells !== undefined || this.#rest.size > this.#maxModels) return cells;
    this.#rest.set(model, (cells = []));
    for (const status of expectedOfModel) cells[status] = this.#answers.cell('REST', String(status), model);
    return cells;
  }

  ended(end: HttpAnswerEnd): void {
    const { via, status } = end;
    if (via !== 'REST') {
      this.#answers.cell(via, String(status), '').value++;
      return;
    }
    const { model } = end;
    const named = this.#rest.get(model) ?? (end.knownModel ? this.learn(model) : undefined);
    const cells = named ?? this.#rest.get('')!;
    const cell = (cells[status] ??= this.#answers.cell(
      'REST',
      String(status),
      named === undefined ? '' : model,
    ));
    cell.value++;
  }
}
