/** A DNS server whose packets are cut, mixed up and padded; whatever they say, its addresses are of this machine. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import dnsPacket from 'dns-packet';
import type { Chance } from '../chance.ts';

export interface OddDns {
  /** "127.0.0.1:PORT" */
  readonly address: string;
  readonly answers: number;
  calm: boolean;
  close(): void;
}

const names = ['models.test', 'x', `${'a'.repeat(60)}.test`, 'other.test'];

/** @param port of a server on this machine that SRV records name */
export async function startOddDns(chance: Chance, port: number): Promise<OddDns> {
  const socket = createSocket('udp4');
  let answers = 0;
  const ttl = (): number => (dns.calm ? 0 : chance.pick([0, 0, 1, 2 ** 31 - 1]));
  const address = (): string =>
    dns.calm || chance.percent(70) ? '127.0.0.1' : `127.${chance.below(256)}.0.${chance.below(256)}`;

  function records(type: string | undefined, asked: string): dnsPacket.Answer[] {
    const list: dnsPacket.Answer[] = [];
    for (let left = dns.calm ? 1 : chance.below(4); left > 0; left--) {
      const name = dns.calm || chance.percent(90) ? asked : chance.pick(names);
      const kind = dns.calm || chance.percent(85) ? type : chance.pick(['A', 'AAAA', 'SRV', 'CNAME', 'TXT']);
      if (kind === 'A') list.push({ type: 'A', name, ttl: ttl(), data: address() });
      else if (kind === 'AAAA') list.push({ type: 'AAAA', name, ttl: ttl(), data: '::1' });
      else if (kind === 'SRV') {
        const priority = chance.below(2);
        const srv = {
          priority,
          weight: chance.below(3),
          port: dns.calm ? port : chance.pick([port, 0, 1]),
          target: 'target.test',
        };
        list.push({ type: 'SRV', name, ttl: ttl(), data: srv });
      } else if (kind === 'CNAME') list.push({ type: 'CNAME', name, ttl: ttl(), data: chance.pick(names) });
      else list.push({ type: 'TXT', name, ttl: ttl(), data: 'text' });
    }
    return list;
  }

  socket.on('message', (question, from) => {
    const query = dnsPacket.decode(question);
    const [first] = query.questions ?? [];
    answers++;
    let packet = dnsPacket.encode({
      type: 'response',
      id: query.id ?? 0,
      flags: dnsPacket.RECURSION_AVAILABLE | (dns.calm || chance.percent(90) ? 0 : chance.below(16)),
      questions: query.questions ?? [],
      answers: records(first?.type, first?.name ?? ''),
    });
    if (!dns.calm) {
      const way = chance.below(100);
      if (way < 3) return;
      // never within an address: the gateway would call whoever has it
      if (way < 15) packet = packet.subarray(0, chance.below(packet.length));
      else if (way < 30) packet[chance.below(12)] = chance.below(256);
      else if (way < 35) packet = Buffer.concat([packet, chance.bytes(chance.size(100))]);
      else if (way < 37) packet = chance.bytes(chance.below(12));
    }
    socket.send(packet, from.port, from.address);
    if (!dns.calm && chance.percent(10)) socket.send(packet, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const dns: OddDns = {
    address: `127.0.0.1:${socket.address().port}`,
    get answers() {
      return answers;
    },
    calm: false,
    close: () => void socket.close(),
  };
  return dns;
}
