import { describe, expect, it } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { createHandshakeCrypto } from '../../../src/crypto/handshake-keys.ts';
import { NodePacketCipher } from '../../../src/crypto/node-packet-cipher.ts';
import { HalfOpenTable } from '../../../src/endpoint/half-open-table.ts';
import { HalfOpen } from '../../../src/session/index.ts';

const crypto = createHandshakeCrypto();
const cipher = new NodePacketCipher();

function halfOpen(conv: number, random: number, expiresAt: number): HalfOpen {
  const ticket = {
    ...{ conv, issuedMs: 0, expiresMs: 0, secret: new Uint8Array(32), subject: '', claims: '' },
    seal: 'clear' as const,
  };
  const clientRandom = new Uint8Array(16).fill(random);
  const hello = { conv, isClear: true, ticket, clientRandom, blockAt: -1, earlyAt: 0, earlyLength: 0 };
  return new HalfOpen(hello, { crypto, cipher }, expiresAt);
}

/** A table, and what it dropped. */
function tableOf(max: number): { table: HalfOpenTable; dropped: HalfOpen[] } {
  const dropped: HalfOpen[] = [];
  return { table: new HalfOpenTable(max, crypto, (half) => dropped.push(half)), dropped };
}

describe('handshakes that are not finished', () => {
  it('are found by conversation, and by the random that a repeat brings', () => {
    const { table } = tableOf(10);
    const [a, b, other] = [halfOpen(1, 1, 5), halfOpen(1, 2, 5), halfOpen(2, 1, 5)];
    for (const half of [a, b, other]) table.add(half);
    expect(table.of(1)).toEqual([a, b]);
    expect(table.of(3)).toEqual([]);
    expect(table.repeatedBy(1, new Uint8Array(16).fill(2))).toBe(b);
    expect(table.repeatedBy(2, new Uint8Array(16).fill(2))).toBeUndefined();
    expect(table.size).toBe(3);
  });

  it('are so many at most', () => {
    const { table } = tableOf(2);
    table.add(halfOpen(1, 1, 5));
    expect(table.isFull).toBe(false);
    table.add(halfOpen(2, 1, 5));
    expect(table.isFull).toBe(true);
  });

  it('are few of one conversation: the oldest gives way, and is dropped once', () => {
    const { table, dropped } = tableOf(10);
    const all = [1, 2, 3, 4, 5].map((random) => halfOpen(1, random, 5));
    for (const half of all) table.add(half);
    expect(table.of(1)).toEqual(all.slice(1));
    expect(dropped).toEqual([all[0]]);
    expect(table.size).toBe(4);
  });

  it('are dropped when their time is over, in order, and tell when that is', () => {
    const { table, dropped } = tableOf(10);
    expect(table.deadline).toBe(NEVER);
    const [a, b, c] = [halfOpen(1, 1, 10), halfOpen(2, 1, 20), halfOpen(1, 2, 30)];
    for (const half of [a, b, c]) table.add(half);
    expect(table.deadline).toBe(10);
    table.expire(9);
    expect(dropped).toEqual([]);
    table.expire(20);
    expect(dropped).toEqual([a, b]);
    expect(table.deadline).toBe(30);
    expect(table.of(1)).toEqual([c]);
    table.clear();
    expect(dropped).toEqual([a, b, c]);
    expect([table.size, table.deadline]).toEqual([0, NEVER]);
  });

  it('are kept by repeats, for a while', () => {
    const { table, dropped } = tableOf(10);
    const [a, b] = [halfOpen(1, 1, 5_000), halfOpen(2, 1, 5_010)];
    for (const half of [a, b]) table.add(half);
    table.renew(a, 9_000);
    expect(table.deadline).toBe(5_010);
    table.expire(5_010);
    expect(dropped).toEqual([b]);
    table.renew(a, 15_000);
    table.renew(a, 15_001);
    expect(table.deadline).toBe(15_000);
    table.expire(15_000);
    expect(dropped).toEqual([b, a]);
  });

  it('that are finished go without being dropped, once', () => {
    const { table, dropped } = tableOf(10);
    const [a, b] = [halfOpen(1, 1, 10), halfOpen(1, 2, 10)];
    table.add(a);
    table.add(b);
    table.take(a);
    table.take(a);
    table.expire(100);
    expect(dropped).toEqual([b]);
    expect(table.size).toBe(0);
    expect(table.of(1)).toEqual([]);
  });
});
