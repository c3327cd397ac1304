import { describe, expect, it } from 'vitest';
import { CloseCode } from '../../../src/base/close-code.ts';
import { SendError } from '../../../src/base/sink.ts';
import { Command } from '../../../src/wire/command.ts';
import { SessionPair } from './session-pair.ts';

const stockCommands = new Set<number>([Command.push, Command.ack, Command.windowAsk, Command.windowTell]);

describe('an open session', () => {
  it('opens without data and carries both directions', () => {
    const pair = new SessionPair();
    pair.client.open();
    pair.run(100);
    expect(pair.clientSink.events).toEqual(['opened']);
    pair.send(pair.client, 'hello');
    pair.send(pair.gateway, 'welcome');
    pair.run(100);
    expect(pair.gatewaySink.text).toBe('hello');
    expect(pair.clientSink.text).toBe('welcome');
  });

  it('marks itself with NEW until the first acknowledgement only', () => {
    const pair = new SessionPair();
    pair.client.open();
    pair.run(100);
    const news = pair.count('client', Command.new);
    expect(news).toBeGreaterThan(0);
    pair.send(pair.client, 'later');
    pair.run(100);
    expect(pair.count('client', Command.new)).toBe(news);
    expect(pair.count('client', Command.push)).toBe(1);
  });

  it('speaks only the four stock commands to a stock peer, and one KICK', () => {
    const pair = new SessionPair({ peer: 'stock' });
    pair.send(pair.client, 'a');
    pair.send(pair.gateway, 'b');
    pair.run(500);
    pair.gateway.kick(CloseCode.kicked, 'off you go');
    pair.run(20_000);
    const strange = pair.log.filter(({ command }) => !stockCommands.has(command));
    expect(strange.map(({ from, command }) => [from, command])).toEqual([['gateway', Command.kick]]);
    expect(pair.gateway.state).toBe('gone');
  });

  it('stops delivering when the sink is full, and loses nothing', () => {
    const pair = new SessionPair({ kcp: { receiveWindow: 4 } });
    pair.gatewaySink.room = 3;
    const text = 'x'.repeat(40_000);
    expect(pair.send(pair.client, text)).toBe(text.length);
    pair.run(2_000);
    expect(pair.gatewaySink.received.length).toBeLessThan(5_000);
    for (let i = 0; i < 100 && pair.gatewaySink.received.length < text.length; i++) {
      pair.gatewaySink.room = 3_000;
      pair.gateway.resume();
      pair.run(1_000);
    }
    expect(pair.gatewaySink.text).toBe(text);
  });

  it('tells a sink that was refused when there is room again', () => {
    const pair = new SessionPair({ kcp: { maxQueueBytes: 10_000 } });
    const text = 'y'.repeat(15_000);
    expect(pair.send(pair.client, text)).toBe(10_000);
    expect(pair.send(pair.client, 'z')).toBe(0);
    pair.run(1_000);
    expect(pair.clientSink.events).toContain('writable');
    expect(pair.send(pair.client, 'z')).toBe(1);
  });

  it('tries again by itself when payload memory was short', () => {
    const pair = new SessionPair();
    const hogged: number[] = [];
    for (let slot = pair.pool.acquire(); slot >= 0; slot = pair.pool.acquire()) hogged.push(slot);
    expect(pair.send(pair.client, 'wait')).toBe(0);
    pair.run(200);
    expect(pair.clientSink.events.filter((event) => event === 'writable').length).toBeGreaterThan(0);
    for (const slot of hogged) pair.pool.release(slot);
    expect(pair.send(pair.client, 'wait')).toBe(4);
  });

  it('is kept alive by window requests, and closes when nothing answers', () => {
    const pair = new SessionPair({ client: { keepAliveMs: 10_000 } });
    pair.client.open();
    pair.run(120_000);
    expect(pair.client.state).toBe('open');
    expect(pair.gateway.state).toBe('open');
    expect(pair.count('client', Command.windowAsk)).toBeLessThan(14);
    pair.passes = () => false;
    pair.run(60_000);
    expect(pair.clientSink.events.at(-1)).toMatch(/^close 3000 /);
    expect(pair.gatewaySink.events.at(-1)).toMatch(/^close 3000 /);
  });

  it('wakes nobody while idle: at most a few drains a minute', () => {
    const pair = new SessionPair({ gateway: { idleTimeoutMs: 600_000 }, client: { idleTimeoutMs: 600_000 } });
    pair.client.open();
    pair.run(5_000);
    const deadline = Math.min(pair.client.nextDeadline(), pair.gateway.nextDeadline());
    expect(deadline - pair.clock.now()).toBeGreaterThan(500_000);
  });
});

describe('the end of a session', () => {
  it('ends one direction while the other goes on, then closes as normal', () => {
    const pair = new SessionPair();
    pair.send(pair.client, 'question');
    pair.client.end();
    pair.run(500);
    expect(pair.gatewaySink.text).toBe('question');
    expect(pair.gatewaySink.events).toContain('end');
    expect(pair.send(pair.client, 'more')).toBe(SendError.closed);
    pair.send(pair.gateway, 'answer');
    pair.run(500);
    expect(pair.clientSink.text).toBe('answer');
    pair.gateway.end();
    pair.run(500);
    expect(pair.clientSink.events).toEqual(expect.arrayContaining(['end', 'close 1000 finished']));
    expect(pair.gatewaySink.events.at(-1)).toBe('close 1000 finished');
    expect(pair.pool.usedSlots).toBe(0);
    pair.run(20_000);
    expect([pair.client.state, pair.gateway.state]).toEqual(['gone', 'gone']);
  });

  it('delivers everything before the end, however the FIN is ordered or lost', () => {
    const pair = new SessionPair();
    let drop = 0;
    pair.passes = ({ command }) =>
      command === Command.push || command === Command.new || command === Command.fin
        ? drop++ % 3 !== 0
        : true;
    const text = 'abcdefghij'.repeat(3_000);
    pair.send(pair.client, text);
    pair.client.end();
    pair.run(10_000);
    expect(pair.gatewaySink.text).toBe(text);
    expect(pair.gatewaySink.events.filter((event) => event === 'end')).toHaveLength(1);
  });

  it('acknowledges the last data even when it comes with the FIN that ends the session, and when that ACK is lost', () => {
    for (const lostAcks of [0, 2]) {
      const pair = new SessionPair();
      pair.client.open();
      pair.gateway.end();
      pair.run(500);
      let lost = 0;
      pair.passes = ({ from, command }) =>
        !(from === 'gateway' && command === Command.ack && lost++ < lostAcks);
      pair.send(pair.client, 'last');
      pair.client.end();
      pair.run(1_500);
      expect(pair.gatewaySink.text).toBe('last');
      expect(pair.clientSink.events.at(-1)).toBe('close 1000 finished');
      expect(pair.client.stats().timeoutRetransmits).toBe(lostAcks);
    }
  });

  it('takes nothing behind the end the peer named, whether it comes later or at once', () => {
    const segment = (command: number, sn: number, payload: string): Uint8Array => {
      const bytes = new Uint8Array(24 + payload.length);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, 7, true);
      bytes[4] = command;
      view.setUint16(6, 128, true);
      view.setUint32(12, sn, true);
      view.setUint32(20, payload.length, true);
      for (let i = 0; i < payload.length; i++) bytes[24 + i] = payload.charCodeAt(i);
      return bytes;
    };
    const data = segment(Command.push, 0, 'a');
    const fin = segment(Command.fin, 1, '');
    const behind = segment(Command.push, 1, 'b');
    for (const turns of [[[data], [fin], [behind]], [[fin, data, behind]], [[behind, fin, data]]]) {
      const pair = new SessionPair();
      for (const turn of turns) {
        for (const bytes of turn) {
          pair.gateway.handleDatagram(pair.clock.now(), bytes, new DataView(bytes.buffer), 0, bytes.length);
        }
        pair.wake(pair.gateway);
        pair.run(20);
      }
      expect(pair.gatewaySink.text).toBe('a');
      expect(pair.gatewaySink.events).toEqual(['end']);
    }
  });

  it('takes nothing from a sink that is being told of the close', () => {
    const pair = new SessionPair();
    let taken = 0;
    pair.clientSink.close = () => {
      taken = pair.send(pair.client, 'late');
    };
    pair.client.destroy(CloseCode.normal, 'destroyed');
    expect(taken).toBe(SendError.closed);
  });

  it('gives a FIN up after ten transmissions', () => {
    const pair = new SessionPair();
    pair.client.open();
    pair.run(500);
    pair.passes = ({ command }) => command !== Command.fin;
    pair.client.end();
    pair.run(25_000);
    expect(pair.count('client', Command.fin)).toBeLessThanOrEqual(20);
    expect(pair.clientSink.events.at(-1)).toMatch(/^close 3003 /);
  });

  it('answers a repeated FIN although the session is over', () => {
    const pair = new SessionPair();
    pair.client.open();
    pair.run(500);
    pair.gateway.end();
    pair.run(500);
    // The last FIN_ACK towards the client is lost a few times.
    let lost = 0;
    pair.passes = ({ from, command }) => !(from === 'gateway' && command === Command.fin && lost++ < 3);
    pair.client.end();
    pair.run(2_000);
    expect(pair.clientSink.events.at(-1)).toBe('close 1000 finished');
  });

  it('kicks: code and reason arrive, queued data first, a FIN answers, the gateway frees at once', () => {
    const pair = new SessionPair();
    pair.client.open();
    pair.run(100);
    const text = 'q'.repeat(100_000);
    pair.send(pair.gateway, text);
    pair.gateway.close(CloseCode.upstreamUnavailable, 'connection reset');
    pair.run(2_000);
    expect(pair.clientSink.text).toBe(text);
    expect(pair.clientSink.events.at(-1)).toBe('close 3005 connection reset');
    expect(pair.count('gateway', Command.kick)).toBe(1);
    expect(pair.gateway.state).toBe('lingering');
    expect(pair.pool.usedSlots).toBe(0);
  });

  it('tells a client when it may come back', () => {
    const pair = new SessionPair();
    pair.client.open();
    pair.run(100);
    pair.passes = ({ command, bytes }) => {
      // `ts` of the KICK.
      if (command === Command.kick) new DataView(bytes.buffer).setUint32(8, 2_000, true);
      return true;
    };
    pair.gateway.kick(CloseCode.overload, '');
    pair.run(100);
    expect(pair.client.closing).toEqual({ code: CloseCode.overload, reason: '', retryAfterMs: 2_000 });
    expect(pair.gateway.closing.retryAfterMs).toBe(0);
  });

  it('repeats a KICK three times at most, and tells a client that missed them all when it speaks again', () => {
    const pair = new SessionPair();
    pair.client.open();
    pair.run(100);
    pair.passes = ({ command }) => command !== Command.kick;
    pair.gateway.kick(CloseCode.kicked, 'bye');
    pair.run(1_000);
    expect(pair.count('gateway', Command.kick)).toBe(3);
    expect(pair.gateway.state).toBe('lingering');
    expect(pair.client.state).toBe('open');
    pair.passes = () => true;
    pair.run(600);
    pair.send(pair.client, 'anyone there?');
    pair.run(500);
    expect(pair.clientSink.events.at(-1)).toBe('close 3500 bye');
  });

  it('gives a kicked client the data its application had not taken yet', () => {
    const pair = new SessionPair();
    pair.client.open();
    pair.clientSink.room = 1;
    pair.send(pair.gateway, 'w'.repeat(50_000));
    pair.run(500);
    pair.gateway.close(CloseCode.normal, 'done');
    pair.run(500);
    expect(pair.clientSink.events).toEqual(['opened']);
    pair.clientSink.room = Number.POSITIVE_INFINITY;
    pair.client.resume();
    pair.run(100);
    expect(pair.clientSink.received).toHaveLength(50_000);
    expect(pair.clientSink.events.at(-1)).toBe('close 1000 done');
  });

  it('lets a client close everything at once, with its queue across', () => {
    const pair = new SessionPair();
    const text = 'c'.repeat(60_000);
    pair.send(pair.client, text);
    pair.client.close(CloseCode.normal, 'closed');
    pair.run(2_000);
    expect(pair.gatewaySink.text).toBe(text);
    expect(pair.gatewaySink.events.at(-1)).toBe('close 1000 the peer closed');
    expect(pair.gatewaySink.events).not.toContain('end');
    expect(pair.clientSink.events.at(-1)).toBe('close 1000 closed');
    pair.run(20_000);
    expect([pair.client.state, pair.gateway.state]).toEqual(['gone', 'gone']);
  });

  it('ends a stock session once its upstream ended and everything is across', () => {
    const pair = new SessionPair({ peer: 'stock' });
    pair.send(pair.client, 'get');
    pair.run(100);
    const text = 's'.repeat(30_000);
    pair.send(pair.gateway, text);
    pair.gateway.end();
    pair.run(1_000);
    expect(pair.clientSink.text).toBe(text);
    expect(pair.gatewaySink.events.at(-1)).toBe('close 1000 finished');
  });

  it('closes a dead link, delivering what had arrived', () => {
    const pair = new SessionPair({ kcp: { deadLink: 4 } });
    pair.client.open();
    pair.run(100);
    pair.passes = () => false;
    pair.send(pair.gateway, 'anyone?');
    pair.run(10_000);
    expect(pair.gatewaySink.events.at(-1)).toBe('close 3003 no acknowledgement');
  });

  it('sends little to a peer that never acknowledged anything: its address may be forged', () => {
    const pair = new SessionPair({ peer: 'stock', kcp: { limitUntilHeard: true } });
    pair.passes = ({ from }) => from === 'client';
    pair.send(pair.client, 'x');
    pair.run(20);
    pair.send(pair.gateway, 'y'.repeat(1_000_000));
    pair.run(60_000);
    expect(pair.gatewaySink.events.at(-1)).toMatch(/^close 3003 /);
    expect(pair.count('gateway', Command.push)).toBeLessThanOrEqual(10 * 6);
  });

  it('closes on a message that can never be completed', () => {
    const pair = new SessionPair({ peer: 'stock', kcp: { stream: false, receiveWindow: 4, sendWindow: 16 } });
    // 5 fragments announced for a window of 4: forged, our own side refuses to send such a message.
    for (let sn = 0; sn < 4; sn++) {
      const bytes = new Uint8Array(25);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, 7, true);
      bytes[4] = Command.push;
      bytes[5] = 5 - sn;
      view.setUint16(6, 128, true);
      view.setUint32(12, sn, true);
      view.setUint32(20, 1, true);
      pair.gateway.handleDatagram(pair.clock.now(), bytes, view, 0, 25);
    }
    pair.gateway.resume();
    pair.run(100);
    expect(pair.gatewaySink.events.at(-1)).toMatch(/^close 3505 /);
  });

  it('closes on a segment larger than it can hold, instead of waiting for it for ever', () => {
    const pair = new SessionPair({ peer: 'stock' });
    const bytes = new Uint8Array(24 + 1700);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 7, true);
    bytes[4] = Command.push;
    view.setUint16(6, 128, true);
    view.setUint32(20, 1700, true);
    pair.gateway.handleDatagram(pair.clock.now(), bytes, view, 0, bytes.length);
    pair.run(100);
    expect(pair.gatewaySink.events.at(-1)).toMatch(/^close 3505 /);
  });

  it('drains: what was taken from either side arrives, then the client is told', () => {
    const pair = new SessionPair();
    pair.client.open();
    pair.send(pair.client, 'up');
    pair.run(100);
    const text = 'd'.repeat(200_000);
    pair.send(pair.gateway, text);
    pair.gateway.beginDrain();
    pair.send(pair.client, 'too late');
    pair.run(2_000);
    expect(pair.gatewaySink.events).toEqual(expect.arrayContaining(['drain']));
    expect(pair.gatewaySink.text).toBe('up');
    expect(pair.clientSink.text).toBe(text);
    expect(pair.clientSink.events.at(-1)).toBe('close 3001 the gateway is shutting down');
  });

  it('does not pass off what a destroyed client cut off as an end in order', () => {
    const pair = new SessionPair();
    pair.client.open();
    pair.run(100);
    pair.passes = ({ from, command }) => from === 'gateway' || command === Command.fin;
    pair.send(pair.client, 'important'.repeat(500));
    pair.run(5);
    pair.sayFarewell(pair.client, CloseCode.normal);
    pair.run(10_000, () => pair.gatewaySink.isClosed);
    expect(pair.gatewaySink.received).toHaveLength(0);
    expect(pair.gatewaySink.events.at(-1)).toBe('close 3500 the peer gave up');
  });

  it('leaves an unreachable gateway in bounded time, and says that not everything got across', () => {
    const pair = new SessionPair({ delayMs: 300 });
    pair.client.open();
    pair.run(3_000);
    pair.passes = () => false;
    pair.send(pair.client, 'x');
    pair.client.close(CloseCode.normal, 'bye');
    const begun = pair.clock.now();
    pair.run(300_000, () => pair.client.state === 'lingering');
    expect(pair.clock.now() - begun).toBeLessThan(13_000);
    expect(pair.clientSink.events.at(-1)).toMatch(/^close 3003 /);
  });

  it('tells the code of a close even when an earlier FIN is acknowledged meanwhile', () => {
    const pair = new SessionPair({ delayMs: 50 });
    pair.client.open();
    pair.run(1_000);
    pair.client.end();
    pair.run(10);
    let lost = 0;
    pair.passes = ({ from, command, bytes }) =>
      !(from === 'client' && command === Command.fin && bytes[8] !== 0 && lost++ === 0);
    pair.client.close(CloseCode.kicked, 'broken');
    pair.run(25_000, () => pair.gatewaySink.isClosed);
    expect(pair.gatewaySink.events.at(-1)).toBe('close 3500 the peer closed');
  });

  it('repeats a lost KICK although a FIN that ends a direction crosses it', () => {
    const pair = new SessionPair({ delayMs: 50 });
    pair.client.open();
    pair.run(1_000);
    let lost = 0;
    pair.passes = ({ from, command }) => !(from === 'gateway' && command === Command.kick && lost++ === 0);
    pair.gateway.kick(CloseCode.kicked, 'out');
    pair.client.end();
    pair.run(60_000, () => pair.clientSink.isClosed);
    expect(pair.clientSink.events.at(-1)).toBe('close 3500 out');
  });

  it('acknowledges nothing, and ends, when a peer goes on with a session this side never had', () => {
    const pair = new SessionPair({ peer: 'stock', kcp: { limitUntilHeard: true } });
    for (let sn = 30; sn < 60; sn++) {
      const bytes = new Uint8Array(28);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, 7, true);
      bytes[4] = Command.push;
      view.setUint16(6, 128, true);
      view.setUint32(12, sn, true);
      view.setUint32(20, 4, true);
      pair.gateway.handleDatagram(pair.clock.now(), bytes, view, 0, bytes.length);
      pair.gateway.resume();
      pair.run(10);
    }
    pair.run(10_000);
    expect(pair.count('gateway', Command.ack)).toBe(0);
    expect(pair.gatewaySink.events).toEqual(['close 3000 what is missing never arrived']);
  });

  it('is destroyed at once, telling its sink once and holding nothing', () => {
    const pair = new SessionPair();
    pair.send(pair.client, 'x'.repeat(10_000));
    pair.client.destroy(CloseCode.normal, 'destroyed');
    pair.client.destroy(CloseCode.normal, 'again');
    expect(pair.clientSink.events).toEqual(['close 1000 destroyed']);
    expect(pair.pool.usedSlots).toBe(0);
    expect(pair.client.nextDeadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it('closes after the close timeout when the peer takes nothing more', () => {
    const pair = new SessionPair();
    pair.client.open();
    pair.run(100);
    pair.passes = ({ from }) => from === 'gateway';
    pair.send(pair.gateway, 'stuck');
    pair.gateway.close(CloseCode.normal, 'done');
    pair.run(4_000);
    expect(pair.gateway.state).toBe('closing');
    pair.run(5_000);
    expect(pair.gateway.state).not.toBe('closing');
  });
});
