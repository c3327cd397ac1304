import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CloseCode } from '../../../../src/base/close-code.ts';
import { JoinedLine, sealed, type ClientConnection, type WorkerEnd } from './joined-line.ts';

const MAX_SLOTS = 12;

/** What happens, with two numbers that say to whom and how much. */
const STEPS = [
  'connect',
  'clientSends',
  'clientSends',
  'workerSends',
  'workerSends',
  'clog',
  'unclog',
  'clientLeaves',
  'workerEnds',
  'workerDies',
  'turn',
  'toWorker',
  'toWorker',
  'fromWorker',
  'fromWorker',
] as const;

interface Client {
  readonly id: number;
  readonly socket: ClientConnection;
  sent: number;
  isGone: boolean;
}

/** A connection as the application of its worker sees it. */
interface Seen {
  readonly id: number;
  heard: number;
  sent: number;
}

/** Applications at the workers, which hold everybody to the order. */
class World {
  readonly line = new JoinedLine({ maxSlots: MAX_SLOTS, highWaterBytes: 3000 });
  readonly clients: Client[] = [];
  /** By slot, of connections that are not gone. */
  readonly seen = [new Map<number, Seen>(), new Map<number, Seen>()] as const;

  async step(step: (typeof STEPS)[number], who: number, amount: number): Promise<void> {
    const { line, clients } = this;
    const client = clients[who % Math.max(1, clients.length)];
    const worker = who % 2;
    switch (step) {
      case 'connect':
        return this.connect();
      case 'clientSends':
        if (client !== undefined && !client.isGone) this.clientSends(client, amount);
        break;
      case 'workerSends':
        for (const [slot, seen] of this.seen[worker]!)
          this.workerSends(line.workers[worker]!, slot, seen, amount);
        break;
      case 'clog':
        if (client !== undefined) client.socket.isClogged = true;
        break;
      case 'unclog':
        if (client?.isGone === false) client.socket.unclog();
        break;
      case 'clientLeaves':
        if (client?.isGone === false) this.leave(client);
        break;
      case 'workerEnds': {
        const [slot] = [...this.seen[worker]!.keys()];
        if (slot !== undefined) this.end(worker, slot);
        break;
      }
      case 'workerDies':
        if (amount < 5) return;
        line.kill(worker);
        this.seen[worker]!.clear();
        break;
      case 'turn':
        await new Promise((resolve) => setImmediate(resolve));
        break;
      case 'toWorker':
        line.deliverTo(worker);
        break;
      case 'fromWorker':
        line.deliverFrom(worker);
        break;
    }
    this.look();
  }

  connect(): void {
    if (this.clients.filter(({ isGone }) => !isGone).length >= MAX_SLOTS / 2) return;
    try {
      this.clients.push({ id: this.clients.length, socket: this.line.connect(), sent: 0, isGone: false });
    } catch {
      // Slots of connections that are gone may be held for a while.
    }
  }

  clientSends(client: Client, amount: number): void {
    for (let i = 0; i < amount; i++) {
      const text = `${String(client.id)}:${String(client.sent++)}:${'x'.repeat(i * 40)}`;
      client.socket.say(sealed(10 + client.id, text));
    }
  }

  workerSends(worker: WorkerEnd, slot: number, seen: Seen, amount: number): void {
    const { connections } = worker.carrier;
    for (let i = 0; i < amount; i++) {
      if (connections.queuedBytes(slot) > connections.highWaterBytes) break;
      worker.write(slot, `${String(seen.id)}:${String(seen.sent++)}`);
    }
    worker.carrier.flush();
  }

  end(worker: number, slot: number): void {
    const { carrier } = this.line.workers[worker]!;
    carrier.connections.disconnect(slot, CloseCode.kicked, '');
    carrier.release(slot);
    this.seen[worker]!.delete(slot);
    carrier.flush();
  }

  leave(client: Client): void {
    client.isGone = true;
    client.socket.leave();
  }

  /** Everybody looks at what came. */
  look(): void {
    for (const [number, worker] of this.line.workers.entries()) {
      const seen = this.seen[number]!;
      for (const [slot, text] of worker.heard.splice(0)) {
        const [id, n] = text.split(':').map(Number);
        let entry = seen.get(slot);
        if (entry === undefined) {
          entry = { id: id!, heard: 0, sent: 0 };
          seen.set(slot, entry);
          worker.carrier.retain(slot);
          worker.carrier.connections.confirm(slot);
        }
        expect([id, n]).toEqual([entry.id, entry.heard++]);
        expect((10 + id!) % 2).toBe(number);
      }
      for (const slot of worker.gone.splice(0)) {
        if (seen.delete(slot)) worker.carrier.release(slot);
      }
    }
    for (const { id, socket } of this.clients) {
      const own = socket.received.map((text) => text.split(':').map(Number));
      expect(own).toEqual(own.map((_, n) => [id, n]));
    }
    for (const client of this.clients) {
      // The client sees that the gateway ended it.
      if (!client.isGone && (client.socket.ended !== undefined || client.socket.wasReset)) this.leave(client);
    }
  }

  async settle(): Promise<void> {
    for (const { socket, isGone } of this.clients) if (!isGone) socket.unclog();
    for (let i = 0; i < 10; i++) {
      await this.line.deliver(1);
      this.look();
    }
  }
}

it('keeps the order, loses nothing and keeps nothing, whatever happens when', async () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.nat(20), fc.integer({ min: 1, max: 8 })), {
    maxLength: 150,
  });
  await fc.assert(
    fc.asyncProperty(steps, async (schedule) => {
      const world = new World();
      for (let i = 0; i < 4; i++) world.connect();
      for (const [step, who, amount] of schedule) await world.step(step, who, amount);
      await world.settle();
      for (const client of world.clients) {
        if (client.isGone || client.sent === 0) continue;
        // The number of its slot is the same everywhere.
        const seen = world.seen[client.id % 2]!.get(client.socket.slot);
        expect(seen).toMatchObject({
          id: client.id,
          heard: client.sent,
          sent: client.socket.received.length,
        });
        const { connections } = world.line.workers[client.id % 2]!.carrier;
        expect(connections.queuedBytes(client.socket.slot)).toBe(0);
      }
      for (const client of world.clients) if (!client.isGone) world.leave(client);
      await world.settle();
      for (const seen of world.seen) expect(seen.size).toBe(0);
      expect(world.line.carrier.stats().connections?.open).toBe(0);
      for (let i = 0; i < MAX_SLOTS; i++) expect(world.line.connect().slot).toBeLessThan(MAX_SLOTS);
      expect(() => world.line.connect()).toThrow();
    }),
    { numRuns: 150 },
  );
});
