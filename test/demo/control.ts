/** The control port as tests use it. */
export interface ServerState {
  readonly name: string;
  readonly pid: number;
  readonly connections: number;
  readonly maxInFlight: number;
  readonly calls: Record<string, number>;
  readonly faults: Record<string, unknown>;
  readonly models: readonly {
    name: string;
    versions: readonly { version: number; state: string }[];
    labels: Record<string, number>;
  }[];
}

export async function control<T = ServerState>(
  url: string,
  method = 'GET',
  path = '/',
  body?: unknown,
): Promise<T> {
  const response = await fetch(`${url}${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const reply = (await response.json()) as T;
  if (!response.ok) throw new Error(`${response.status} ${JSON.stringify(reply)}`);
  return reply;
}
