import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connect, login, type Connection } from '../../src/client/node/index.ts';
import { parseKeyLog } from '../../tools/kcpgate/inspect/key-log.ts';
import type { LinkProfile } from '../../tools/kcpgate/relay/net-emulator.ts';
import { startUdpRelay } from '../../tools/kcpgate/relay/udp-relay.ts';
import { startLoginGateway } from '../support/login-gateway.ts';
import { compare, startRecordedRelay, type Comparison, type RecordedRelay } from './inspect-record.ts';

let folder = '';
const closers: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-inspect-'));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closers.splice(0).reverse()) await close();
});

/** A gateway that echoes, behind a relay that records. */
async function recordedGateway(
  link: Partial<LinkProfile>,
): Promise<{ relay: RecordedRelay; loginUrl: string }> {
  const { gateway, loginUrl, ports } = await startLoginGateway({ workers: 1 });
  closers.push(() => gateway.stop());
  const target = { address: '127.0.0.1', port: ports.udp };
  const relay = await startRecordedRelay({ target, seed: 8, toTarget: link, toClient: link });
  closers.push(() => relay.close());
  return { relay, loginUrl };
}

/** A client of ours on a UDP line that leads to `port`. */
async function clientAt(loginUrl: string, port: number): Promise<Connection> {
  const answer = await login({ loginUrl });
  const udp = answer.lines.find(({ transport }) => transport === 'udp')!;
  const connection = await connect({
    credentials: { ...answer, lines: [{ ...udp, port }] },
    keyLogFile: join(folder, 'keys'),
    // A line that seems dead on a busy machine would be taken anew, over another port.
    switching: false,
  });
  closers.push(() => connection.destroy());
  return connection;
}

const examined = (relay: RecordedRelay): Comparison =>
  compare(relay.capture, { keyLog: parseKeyLog(readFileSync(join(folder, 'keys'), 'utf8')) }, () => null);

test('a NAT that gives the client another port shows as one session with a note', async () => {
  const { relay, loginUrl } = await recordedGateway({ delayMs: 2 });
  const nat = await startUdpRelay({ target: relay, seed: 9 });
  closers.push(() => nat.close());
  const connection = await clientAt(loginUrl, nat.port);
  const echoes = connection[Symbol.asyncIterator]();
  for (let round = 0; round < 3; round++) {
    if (round > 0) nat.rebind('port');
    connection.send(Buffer.from(`round ${round}`));
    const { value } = await echoes.next();
    expect(Buffer.from(value as Uint8Array).toString()).toBe(`round ${round}`);
  }
  await connection.close();
  await relay.close();

  const { examiner } = examined(relay);
  const [session, ...others] = examiner.sessions;
  expect(others).toEqual([]);
  expect(session!.flows).toHaveLength(3);
  expect(session!.lineChanges.map(({ isRebinding }) => isRebinding)).toEqual([true, true]);
  expect(examiner.notes.map(({ code }) => code)).toEqual(['nat_rebinding', 'nat_rebinding']);
  expect(session!.client.port).toBe(session!.flows[2]!.a.port);
});

test('a path that drops large datagrams shows as such', async () => {
  const { relay, loginUrl } = await recordedGateway({ delayMs: 2, mtuBytes: 1250 });
  const connection = await clientAt(loginUrl, relay.port);
  const echoes = connection[Symbol.asyncIterator]();
  connection.send(Buffer.from('small'));
  await echoes.next();
  for (const size of [1300, 1300]) connection.send(new Uint8Array(size));
  const retransmits = (): number => {
    const { timeoutRetransmits, fastRetransmits } = connection.stats().kcp;
    return timeoutRetransmits + fastRetransmits;
  };
  for (let i = 0; i < 100 && retransmits() < 10; i++) {
    connection.send(Buffer.from('small'));
    await delay(25);
  }
  await relay.close();

  const { examiner } = examined(relay);
  expect(examiner.notes.map(({ code }) => code)).toEqual(['mtu_black_hole']);
  const [note] = examiner.notes;
  expect(note!.packets.length).toBeGreaterThanOrEqual(4);
  expect(note!.text).toMatch(/^Segment [0-9]+ of 1324 bytes was sent [46] times by the client/);
});
