import { describe, expect, it } from 'vitest';
import { PortTable } from '../../../src/endpoint/port-table.ts';
import { HandFedCarrier } from '../../support/hand-fed-carrier.ts';
import { testSessions } from './login-gateway.ts';

const config = { ...testSessions(), name: 'line', allowStock: false };

describe('the ports of an endpoint', () => {
  it('are numbered from 0, and numbers that were given up are given again', async () => {
    const ports = new PortTable();
    const [a, b, c] = [0, 1, 2].map(() => ports.add(new HandFedCarrier(), config));
    expect([a, b, c].map((port) => port!.number)).toEqual([0, 1, 2]);
    await ports.remove(b!);
    expect(ports.find(1)).toBeUndefined();
    expect(() => ports.at(1)).toThrow(RangeError);
    expect([...ports]).toEqual([a, c]);
    expect(ports.add(new HandFedCarrier(), config).number).toBe(1);
    expect(ports.at(0)).toBe(a);
  });

  it('that are closed when unused are found once nothing uses them, and not when something does again', () => {
    const ports = new PortTable();
    const kept = ports.add(new HandFedCarrier(), config);
    const [a, b] = [0, 1].map(() => ports.add(new HandFedCarrier(), { ...config, closeWhenUnused: true }));
    ports.markUnused(kept);
    expect(ports.takeUnused()).toEqual([]);
    a!.pathCount = 1;
    ports.markUnused(a!);
    ports.markUnused(b!);
    b!.pathCount = 1;
    expect(ports.takeUnused()).toEqual([]);
    b!.pathCount = 0;
    ports.markUnused(b!);
    expect(ports.takeUnused()).toEqual([b]);
    expect(ports.takeUnused()).toEqual([]);
  });

  it('tell whether any of them has more to read', () => {
    const ports = new PortTable();
    const [, b] = [0, 1].map(() => ports.add(new HandFedCarrier(), config));
    expect(ports.isMoreWaiting).toBe(false);
    b!.moreWaiting = true;
    expect(ports.isMoreWaiting).toBe(true);
  });

  it('are closed all together with those that were given up before and are still closing', async () => {
    const ports = new PortTable();
    const [leaving, staying] = [new HandFedCarrier(), new HandFedCarrier()];
    let hasLeft = (): void => undefined;
    leaving.close = () => new Promise((resolve) => (hasLeft = resolve));
    void ports.remove(ports.add(leaving, config));
    ports.add(staying, config);
    let isClosed = false;
    const closed = ports.close().then(() => (isClosed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect([staying.isClosed, isClosed]).toEqual([true, false]);
    hasLeft();
    await closed;
    expect(isClosed).toBe(true);
  });
});
