import { createDecipheriv, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { connect, login } from '../../src/client/node/index.ts';
import { datagramKind, type DatagramKind } from '../../src/wire/datagram-kind.ts';
import { HandshakeKind, handshakeKindOf } from '../../src/wire/hello.ts';
import { packetNumberOf, sealedHeaderBytes } from '../../src/wire/sealed-header.ts';
import { wireMemory } from '../../src/wire/memory.ts';
import type { FoundDatagram } from '../../tools/kcpgate/inspect/found-datagram.ts';
import { parseKeyLog, type KeyLog } from '../../tools/kcpgate/inspect/key-log.ts';
import { runStreamClient } from '../support/kcp-go.ts';
import { startLoginGateway } from '../support/login-gateway.ts';
import { peer } from '../support/peers.ts';
import { compare, startRecordedRelay, truthOf, whyUnprovable, type Comparison } from './inspect-record.ts';
import { startOurEchoServer } from './kcp-go-sides.ts';

const SEED = 2026;
const MIB = 1 << 20;
const LINK = { lossRate: 0.1, delayMs: 30 };
const ANSWER_US = (LINK.delayMs * 1000) / 2;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closers.splice(0).reverse()) await close();
});

/** A relay with loss both ways. */
async function lossyRelay(target: {
  address: string;
  port: number;
}): Promise<Awaited<ReturnType<typeof startRecordedRelay>>> {
  const relay = await startRecordedRelay({ target, seed: SEED, toTarget: LINK, toClient: LINK });
  closers.push(() => relay.close());
  return relay;
}

/** Holds what the inspector says of each side of the only session to the relay's record; gives the counts of both. */
function holdToRecord({
  examiner,
  spurious,
  marked,
  sides,
}: Comparison): { retransmissions: number; spurious: number }[] {
  const [session, ...others] = examiner.sessions;
  expect(others).toEqual([]);
  return [session!.fromClient, session!.fromGateway].map((direction, index) => {
    const side = sides[index]!;
    const truth = truthOf(side);
    // Every retransmission, packet by packet.
    const ofSide = new Set(truth.retransmissions);
    expect(marked.filter((one) => ofSide.has(one)).sort()).toEqual([...truth.retransmissions].sort());
    expect(direction.retransmissions.total).toBe(truth.repeatedDrops + truth.spurious.length);
    // Those that were not needed: none is wrong, and what is missing shows nowhere in the capture.
    const named = spurious.filter(({ isFromClient }) => isFromClient === (index === 0));
    const names = named.map(({ packet, sn }) => `${packet}:${sn}`);
    expect(names.filter((one) => !truth.spurious.includes(one))).toEqual([]);
    const missing = truth.spurious.filter((one) => !names.includes(one));
    expect(missing.map((one) => `${one} ${whyUnprovable(side, one, ANSWER_US)}`)).toEqual(
      missing.map((one) => `${one} unprovable`),
    );
    expect(direction.retransmissions.spurious).toBe(names.length);
    return { retransmissions: truth.retransmissions.length, spurious: truth.spurious.length };
  });
}

peer('kcp-go').describe('kcp-go and a gateway of ours at 10 % loss', () => {
  test('each retransmission was caused by a drop, or is named as not needed', async () => {
    const server = await startOurEchoServer('stream');
    closers.push(() => server.close());
    const relay = await lossyRelay(server);
    const result = await runStreamClient(relay, { bytes: MIB, seed: 4 }, { stream: true });
    expect(result.complete).toBe(true);
    await relay.close();

    const comparison = compare(relay.capture);
    const [client, gateway] = holdToRecord(comparison);
    expect(client!.retransmissions).toBeGreaterThan(50);
    expect(gateway!.retransmissions).toBeGreaterThan(50);
    // What kcp-go itself has counted.
    expect(client!.retransmissions).toBe(result.counters.retransmits);
    expect(comparison.examiner.flows.map(({ description }) => description)).toEqual(['KCP, not encrypted']);

    const behind = compare(relay.capture, {}, undefined, ({ comment }) => comment === 'delivered');
    holdBehindLoss(behind);
    expect(behind.examiner.sessions[0]!.fromClient.retransmissions.ofUnseen).toBeGreaterThan(20);
  });
});

/**
 * Behind the loss only what arrives is seen. A retransmission is known by its `ts` even when what it repeats was lost before, if
 * something that was sent later is there already.
 */
function holdBehindLoss({ marked, sides }: Comparison): void {
  for (const { bySn } of sides) {
    const captured = [...bySn].flatMap(([sn, transmissions]) =>
      transmissions
        .map(({ packet, ts, isDropped }, index) => ({
          sn,
          packet,
          ts,
          index,
          isDropped,
          name: `${packet}:${sn}`,
        }))
        .filter(({ isDropped }) => !isDropped),
    );
    const ofSide = new Set(captured.map(({ name }) => name));
    const expected = captured.filter(({ sn, packet, ts, index }) => {
      if (index === 0) return false;
      const known = captured.some((one) => one.sn === sn && one.packet < packet);
      const newer = (one: (typeof captured)[number]): boolean =>
        one.packet < packet && one.sn > sn && one.sn <= sn + 16 && one.ts < ts;
      return known || captured.some(newer);
    });
    expect(marked.filter((name) => ofSide.has(name)).sort()).toEqual(expected.map(({ name }) => name).sort());
  }
}

test('our own client, sealed, with a key log', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-inspect-'));
  closers.push(() => rmSync(folder, { recursive: true, force: true }));
  const keyLogFile = join(folder, 'keys');
  const { gateway, loginUrl, ports } = await startLoginGateway({ workers: 1 });
  closers.push(() => gateway.stop());
  const relay = await lossyRelay({ address: '127.0.0.1', port: ports.udp });
  const answer = await login({ loginUrl });
  const udp = answer.lines.find(({ transport }) => transport === 'udp')!;
  const lines = [{ ...udp, port: relay.port }];
  // A line that seems dead on a busy machine would be taken anew, over another port.
  const connection = await connect({ credentials: { ...answer, lines }, keyLogFile, switching: false });
  const sent = Array.from({ length: 60 }, () => randomBytes(8000));
  const sending = (async () => {
    for (const message of sent) while (connection.send(message) === 0) await connection.writable();
  })();
  let received = 0;
  for await (const message of connection) {
    expect(Buffer.compare(message, sent[received]!)).toBe(0);
    if (++received === sent.length) break;
  }
  await sending;
  await connection.close();
  const { timeoutRetransmits, fastRetransmits, pathRetransmits } = connection.stats().kcp;
  await relay.close();

  const keyLog = parseKeyLog(readFileSync(keyLogFile, 'utf8'));
  const comparison = compare(relay.capture, { keyLog }, (found) => openedBy(keyLog, found));
  const counts = holdToRecord(comparison);
  for (const { retransmissions } of counts) expect(retransmissions).toBeGreaterThan(20);
  // What the client itself has counted.
  expect(counts[0]!.retransmissions).toBe(timeoutRetransmits + fastRetransmits + pathRetransmits);
  const [session] = comparison.examiner.sessions;
  expect(session).toMatchObject({
    type: 'sealed',
    clientToldBy: 'key',
    unopened: 0,
    beginningSeen: true,
    lineChangeCount: 0,
  });
  expect(session!.handshakeUs).toBeGreaterThan(1000 * LINK.delayMs - 1000);
  expect(session!.close).toMatchObject({ code: 1000, how: 'fin' });
  expect(comparison.examiner.flows.map(({ description }) => description)).toEqual(['kcpgate, sealed']);

  // Behind the loss the numbers that are missing are those that were dropped.
  const fates: { isFromA: boolean; isDropped: boolean }[] = [];
  const behind = compare(relay.capture, { keyLog }, undefined, (found) => {
    const isDropped = found.comment !== 'delivered';
    if (kindOf(found) === 'sealed' || isAnswer(found)) fates.push({ isFromA: found.isFromA, isDropped });
    return !isDropped;
  });
  const [lossy] = behind.examiner.sessions;
  for (const isFromA of [true, false]) {
    const ofSide = fates.filter((one) => one.isFromA === isFromA).map(({ isDropped }) => isDropped);
    const between = ofSide.slice(ofSide.indexOf(false), ofSide.lastIndexOf(false));
    const dropped = between.filter(Boolean).length;
    expect(dropped).toBeGreaterThan(20);
    expect((isFromA ? lossy!.fromClient : lossy!.fromGateway).missingNumbers).toBe(dropped);
  }

  const closed = compare(relay.capture);
  expect(closed.examiner.sessions[0]).toMatchObject({ type: 'sealed', fromClient: { segments: 0 } });
  expect(closed.examiner.sessions[0]!.unopened).toBeGreaterThan(100);
});

const kindOf = ({ bytes, offset, length }: FoundDatagram): DatagramKind =>
  datagramKind(wireMemory(bytes).view, offset, length);

/** A HELLO_ACK, which has one of the gateway's numbers. */
const isAnswer = (found: FoundDatagram): boolean =>
  kindOf(found) === 'handshake' &&
  handshakeKindOf(wireMemory(found.bytes).view, found.offset) === HandshakeKind.helloAck;

/** The clear segments of a sealed datagram, by Node's own cryptography. */
function openedBy(keyLog: KeyLog, found: FoundDatagram): Uint8Array | null {
  const datagram = found.bytes.subarray(found.offset, found.offset + found.length);
  const { view } = wireMemory(datagram);
  if ((view.getUint8(4) & ~0x0c) !== 0xa0) return null;
  const [key] = keyLog.keysOf(view.getUint32(0, true), found.isFromA ? 'client' : 'server');
  const nonce = Buffer.from(key!.iv);
  const pn = packetNumberOf(view, 0);
  for (let i = 0, rest = pn; i < 6; i++, rest = Math.floor(rest / 256)) nonce[11 - i]! ^= rest & 0xff;
  const decipher = createDecipheriv('aes-128-gcm', key!.key, nonce);
  decipher.setAAD(datagram.subarray(0, 12));
  decipher.setAuthTag(datagram.subarray(-16));
  return Buffer.concat([
    decipher.update(datagram.subarray(sealedHeaderBytes(view, 0), -16)),
    decipher.final(),
  ]);
}
