import { describe, expect, it } from 'vitest';
import { NEVER } from '../../../src/base/clock.ts';
import { Command } from '../../../src/wire/command.ts';
import { DatagramArena } from '../../simulation/datagram-arena.ts';
import { EngineDriver, push, segmentsOf, sequencesOf, windowAsk, windowTell } from './engine-driver.ts';

const HEADER_BYTES = 24;

describe('a limit below the MTU', () => {
  it('packs control segments and small data into datagrams of that size', () => {
    const driver = new EngineDriver();
    driver.handle(windowAsk(), ...[1, 3, 5, 7].map((sn) => push(sn)));
    driver.sendMany(4);
    const limit = 3 * HEADER_BYTES + 1;
    const datagrams = driver.drain(limit);
    for (const bytes of datagrams) expect(bytes.length).toBeLessThanOrEqual(limit);
    const segments = datagrams.flatMap(segmentsOf);
    expect(segments.map((one) => one.cmd)).toEqual([
      ...new Array<number>(4).fill(Command.ack),
      Command.windowTell,
      ...new Array<number>(4).fill(Command.push),
    ]);
    expect(datagrams).toHaveLength(4);
    expect(driver.engine.isHeldBack).toBe(false);
  });

  it('makes a segment that is larger wait, with all behind it, and calls that no full arena', () => {
    const driver = new EngineDriver();
    driver.handle(push(0));
    driver.send(new Uint8Array(10));
    driver.send(new Uint8Array(500));
    driver.send(new Uint8Array(10));
    const arena = new DatagramArena();
    expect(driver.engine.pollTransmit(driver.nowMs, arena, driver.nowMs, 523)).toBe(false);
    const written: number[] = [];
    arena.drain((bytes, offset, length) => {
      written.push(...segmentsOf(bytes.slice(offset, offset + length)).map((one) => one.cmd));
    });
    expect(written).toEqual([Command.ack, Command.push]);
    expect(driver.engine.isHeldBack).toBe(true);
    // The one that was sent still has its deadline.
    expect(driver.engine.nextDeadline()).toBe(driver.nowMs + 200);
    expect(sequencesOf(driver.flush(524), Command.push)).toEqual([1, 2]);
    expect(driver.engine.isHeldBack).toBe(false);
  });

  it('holds back what is to be sent again, and then wakes nobody', () => {
    const driver = new EngineDriver({ deadLink: 3 });
    driver.send(new Uint8Array(500));
    driver.flush();
    driver.nowMs += 1000;
    for (let turn = 0; turn < 5; turn++) {
      expect(driver.flush(100)).toEqual([]);
      expect(driver.engine.isHeldBack).toBe(true);
      expect(driver.engine.nextDeadline()).toBe(NEVER);
    }
    // What was not written was no transmission.
    expect(driver.engine.stats()).toMatchObject({ timeoutRetransmits: 0, segmentsSent: 1 });
    expect(driver.engine.isDead).toBe(false);
    expect(sequencesOf(driver.flush(524), Command.push)).toEqual([0]);
    expect(driver.engine.nextDeadline()).toBe(driver.nowMs + 300);
  });

  it('holds back what a new path wants again, and goes on there', () => {
    const driver = new EngineDriver();
    driver.send(new Uint8Array(10));
    driver.send(new Uint8Array(500));
    driver.send(new Uint8Array(20));
    driver.flush();
    driver.nowMs += 10;
    driver.engine.resendAll(driver.nowMs);
    expect(sequencesOf(driver.flush(100), Command.push)).toEqual([0]);
    expect(driver.engine.nextDeadline()).toBe(NEVER);
    expect(driver.flush(100)).toEqual([]);
    driver.sendMany(1);
    expect(sequencesOf(driver.flush(1400), Command.push)).toEqual([1, 2, 3]);
    expect(driver.engine.stats().pathRetransmits).toBe(3);
    expect(driver.engine.nextDeadline()).toBe(driver.nowMs + 200);
  });

  it('still probes a closed window', () => {
    const driver = new EngineDriver();
    driver.send(new Uint8Array(500));
    driver.flush();
    driver.handle(windowTell(0));
    driver.sendMany(1);
    driver.nowMs += 100;
    driver.flush(100);
    driver.nowMs += 300;
    expect(driver.flush(100)).toEqual([]);
    expect(driver.engine.nextDeadline()).toBe(driver.nowMs + 200);
    driver.nowMs += 200;
    expect(driver.flush(100)).toMatchObject([{ cmd: Command.windowAsk }]);
  });

  it.each([0, 1, 23])('of %i bytes lets nothing out and wakes nobody', (limit) => {
    const driver = new EngineDriver();
    driver.handle(push(0), windowAsk());
    driver.sendMany(1);
    for (let turn = 0; turn < 3; turn++) {
      expect(driver.drain(limit)).toEqual([]);
      expect(driver.engine.isHeldBack).toBe(true);
      expect(driver.engine.nextDeadline()).toBe(NEVER);
      driver.nowMs += 10_000;
    }
    expect(driver.flush().map((one) => one.cmd)).toEqual([Command.ack, Command.windowTell, Command.push]);
  });

  it('holds for a segment that was cut for a larger MTU, which otherwise gets a datagram of its own', () => {
    const driver = new EngineDriver();
    driver.send(new Uint8Array(1376));
    driver.engine.setMtu(600);
    expect(driver.drain(1399)).toEqual([]);
    expect(driver.drain().map((bytes) => bytes.length)).toEqual([1400]);
  });

  it('counts the address block', () => {
    const driver = new EngineDriver({ announce: true });
    driver.send(new Uint8Array(10));
    expect(driver.drain(HEADER_BYTES + 10 + 19)).toEqual([]);
    expect(driver.drain(HEADER_BYTES + 10 + 20)).toHaveLength(1);
  });

  it('of exactly the size of a segment, or above the MTU, changes nothing', () => {
    for (const limit of [1400, 5000, Infinity]) {
      const driver = new EngineDriver();
      driver.send(new Uint8Array(3 * 1376 + 5));
      expect(driver.drain(limit).map((bytes) => bytes.length)).toEqual([1400, 1400, 1400, 29]);
    }
  });
});
