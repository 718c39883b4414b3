/** Sockets from which nothing is read, and what the kernel's table says of their peers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GonePeers, type PausedSocket, tableAddress } from '../../src/front/listener/gone-peers.ts';

class FakeSocket {
  localAddress = '127.0.0.1';
  localPort = 8000;
  remoteAddress = '10.1.2.3';
  remotePort: number;
  bytesRead = 0;
  destroyed = false;
  paused = true;

  constructor(remotePort: number) {
    this.remotePort = remotePort;
  }

  isPaused(): boolean {
    return this.paused;
  }

  destroy(): void {
    this.destroyed = true;
  }
}

const row = ({ localAddress, localPort, remoteAddress, remotePort }: FakeSocket, state: string): string => {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
  return `   0: ${tableAddress(localAddress)}:${hex(localPort)} ${tableAddress(remoteAddress)}:${hex(remotePort)} ${state} 00000000:00000000 00:00000000`;
};
const names =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

/** Looks so often, with these rows; gives how often the table was read. */
async function look(gone: GonePeers, sockets: readonly FakeSocket[], times: number): Promise<void> {
  for (let i = 0; i < times; i++) await gone.look(sockets as unknown as PausedSocket[]);
}

describe('gone peers', () => {
  it('writes addresses as the table does', () => {
    assert.equal(tableAddress('127.0.0.1', 'LE'), '0100007F');
    assert.equal(tableAddress('127.0.0.1', 'BE'), '7F000001');
    assert.equal(tableAddress('::1', 'LE'), '00000000000000000000000001000000');
    assert.equal(tableAddress('::ffff:10.1.2.3', 'LE'), '0000000000000000FFFF00000302010A');
    assert.equal(tableAddress('fe80::1:2%eth0', 'LE'), '000080FE000000000000000002000100');
    assert.equal(tableAddress('2001:db8:1:2:3:4:5:6', 'BE'), '20010DB8000100020003000400050006');
  });

  it('destroys one whose peer has ended its side, at the second look, and leaves the others', async () => {
    const [ended, well, v6] = [new FakeSocket(1), new FakeSocket(2), new FakeSocket(3)];
    v6.localAddress = '::1';
    v6.remoteAddress = '::ffff:10.1.2.3';
    const asked: string[] = [];
    const gone = new GonePeers((name) => {
      asked.push(name);
      const rows = name === 'tcp' ? [row(well, '01'), row(ended, '08')] : [row(v6, '0B')];
      return Promise.resolve([names, ...rows, ''].join('\n'));
    });
    const all = [well, ended, v6];
    await look(gone, all, 1);
    assert.deepEqual(asked, []);
    await look(gone, all, 1);
    assert.deepEqual(asked, ['tcp', 'tcp6']);
    assert.deepEqual(
      all.map(({ destroyed }) => destroyed),
      [false, true, true],
    );
    await look(gone, all, 5);
    assert.equal(well.destroyed, false);
  });

  it('takes one that is in no row for gone when it is missing twice', async () => {
    const [reset, skipped] = [new FakeSocket(1), new FakeSocket(2)];
    let looks = 0;
    const gone = new GonePeers(() => {
      const rows = ++looks % 2 === 0 ? [row(skipped, '01')] : [];
      return Promise.resolve([names, ...rows, ''].join('\n'));
    });
    await look(gone, [reset, skipped], 2);
    assert.equal(reset.destroyed, false);
    await look(gone, [reset, skipped], 6);
    assert.equal(reset.destroyed, true);
    assert.equal(skipped.destroyed, false);
  });

  it('reads no table while all sockets read, or are paused for moments only', async () => {
    const [reads, pauses] = [new FakeSocket(1), new FakeSocket(2)];
    reads.paused = false;
    let tables = 0;
    const gone = new GonePeers(() => {
      tables++;
      return Promise.resolve('');
    });
    for (let i = 0; i < 10; i++) {
      pauses.bytesRead += 1000;
      await look(gone, [reads, pauses], 1);
    }
    assert.equal(tables, 0);
    assert.equal(pauses.destroyed, false);
  });

  it('lets one be that went on reading while the table was read, and all where there is no table', async () => {
    const socket = new FakeSocket(1);
    const gone = new GonePeers(() => {
      socket.paused = false;
      return Promise.resolve([names, row(socket, '08'), ''].join('\n'));
    });
    await look(gone, [socket], 2);
    assert.equal(socket.destroyed, false);
    const other = new FakeSocket(1);
    await look(new GonePeers(() => Promise.reject(new Error('ENOENT'))), [other], 5);
    assert.equal(other.destroyed, false);
  });
});
