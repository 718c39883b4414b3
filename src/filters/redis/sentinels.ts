/**
 * Asks Sentinels which server is the primary now (redis.io, "Guidelines for Redis clients with support for Redis
 * Sentinel").
 */
import { Redis } from 'ioredis';
import type { RedisAddress } from '../../base/redis-url.ts';
import { type Credentials, ownOptions } from './own-options.ts';

const isAddress = (answer: unknown): answer is [host: string, port: string] =>
  Array.isArray(answer) &&
  answer.length === 2 &&
  typeof answer[0] === 'string' &&
  answer[0] !== '' &&
  /^[1-9]\d{0,4}$/.test(String(answer[1]));

async function ask(address: RedisAddress, master: string, credentials: Credentials): Promise<RedisAddress> {
  const client = new Redis(ownOptions(address, credentials));
  client.on('error', () => undefined);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer in ${credentials.connectTimeoutMs} ms`));
    }, credentials.connectTimeoutMs);
  });
  try {
    const asked = client.connect().then(() => client.call('SENTINEL', 'get-master-addr-by-name', master));
    const answer = await Promise.race([asked, late]);
    if (answer === null) throw new Error(`knows no servers named ${master}`);
    if (!isAddress(answer)) throw new Error('answers with something that is no address');
    return { host: answer[0], port: Number(answer[1]) };
  } finally {
    clearTimeout(timer);
    client.disconnect();
  }
}

/**
 * All are asked at once, and the first that knows is believed: one that is gone costs no time.
 * @throws Error with what each of them said
 */
export async function primaryBy(
  sentinels: readonly RedisAddress[],
  master: string,
  credentials: Credentials,
): Promise<RedisAddress> {
  try {
    return await Promise.any(sentinels.map((address) => ask(address, master, credentials)));
  } catch (error) {
    const reasons = (error as AggregateError).errors.map(
      (reason: Error, i) => `${sentinels[i]?.host ?? ''}:${sentinels[i]?.port ?? ''} ${reason.message}`,
    );
    throw new Error(`no Sentinel says where the primary is: ${reasons.join('; ')}`, { cause: error });
  }
}
