/** A DNS server of a test's own, over UDP on loopback, whose answers the test sets. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import dnsPacket from 'dns-packet';

export type DnsAnswer =
  | { readonly type: 'A' | 'AAAA'; readonly data: string; readonly ttl: number }
  | {
      readonly type: 'SRV';
      readonly data: {
        readonly port: number;
        readonly target: string;
        readonly priority?: number;
        readonly weight?: number;
      };
      readonly ttl: number;
    };

/** "silent" drops the question, as a dead server does; the others are response codes. */
export type DnsMood = 'well' | 'NXDOMAIN' | 'SERVFAIL' | 'silent';

/** RFC 1035 and 2136. */
const responseCodes = { well: 0, SERVFAIL: 2, NXDOMAIN: 3 } as const;

export interface TestDns {
  /** "127.0.0.1:PORT" */
  readonly address: string;
  readonly records: Map<string, readonly DnsAnswer[]>;
  mood: DnsMood;
  /** Questions so far. */
  asked: number;
  /** When each came, by performance.now(). */
  readonly momentsMs: number[];
  stop(): Promise<void>;
}

export async function startDns(): Promise<TestDns> {
  const socket = createSocket('udp4');
  const dns: TestDns = {
    address: '',
    records: new Map(),
    mood: 'well',
    asked: 0,
    momentsMs: [],
    async stop() {
      socket.close();
      await once(socket, 'close');
    },
  };
  socket.on('message', (message, { port, address }) => {
    dns.asked++;
    dns.momentsMs.push(performance.now());
    const query = dnsPacket.decode(message);
    const [question] = query.questions ?? [];
    if (dns.mood === 'silent' || question === undefined) return;
    const found = dns.mood === 'well' ? (dns.records.get(question.name) ?? []) : [];
    const answers = found
      .filter(({ type }) => type === question.type)
      .map((answer) => ({ ...answer, name: question.name }));
    const known = dns.mood !== 'well' || dns.records.has(question.name);
    const code = responseCodes[known ? dns.mood : 'NXDOMAIN'];
    const reply = dnsPacket.encode({
      type: 'response',
      id: query.id ?? 0,
      flags: dnsPacket.AUTHORITATIVE_ANSWER | dnsPacket.RECURSION_AVAILABLE | code,
      questions: query.questions ?? [],
      answers: answers,
    });
    socket.send(reply, port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return Object.assign(dns, { address: `127.0.0.1:${socket.address().port}` });
}
