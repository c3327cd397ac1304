import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import { connectStock, type StockConnection } from '../../../src/client/node/index.ts';
import { Pattern } from '../pattern.ts';
import type { ClientReport } from './soak-message.ts';

/** What a process of clients is to do. */
export interface ClientOrder {
  /** Ports of the gateway's listeners, by name. */
  readonly ports: Readonly<Record<string, number>>;
  /** Sessions open at a time. */
  readonly slots: number;
  readonly seed: number;
}

/** How a session goes. */
interface Plan {
  readonly peer: 'stock' | 'kcpgate';
  /** `echo` and `tcp` send everything back; `breaking` resets after a while. */
  readonly listener: 'echo' | 'tcp' | 'breaking';
  readonly ending: 'in order' | 'destroyed' | 'left alone';
  readonly bytes: number;
}

/** Opens sessions and lets go of them, a number at a time, and checks every byte that comes back. */
export class ClientLoad {
  private readonly order: ClientOrder;
  private readonly random: SeededRandom;
  private readonly pattern: Pattern;
  private readonly failureTexts: string[] = [];
  private finished = 0;
  private cutOff = 0;
  private verifiedBytes = 0;
  private failures = 0;
  private isStopping = false;
  private slots: readonly Promise<void>[] = [];

  constructor(order: ClientOrder) {
    this.order = order;
    this.random = new SeededRandom(order.seed);
    this.pattern = new Pattern(order.seed);
  }

  start(): void {
    this.slots = Array.from({ length: this.order.slots }, () => this.runSlot());
  }

  /** Lets the sessions that are open go on to their end. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all(this.slots);
  }

  report(): ClientReport {
    const { finished, cutOff, verifiedBytes, failures, failureTexts } = this;
    return { kind: 'report', finished, cutOff, verifiedBytes, failures, failureTexts };
  }

  private async runSlot(): Promise<void> {
    while (!this.isStopping) {
      const plan = this.plan();
      try {
        await this.runSession(plan);
      } catch (error) {
        this.fail(`${JSON.stringify(plan)}: ${error instanceof Error ? error.message : String(error)}`);
      }
      await delay(this.below(100));
    }
  }

  private plan(): Plan {
    return {
      peer: this.below(2) === 0 ? 'stock' : 'kcpgate',
      listener: (['echo', 'echo', 'tcp', 'tcp', 'breaking'] as const)[this.below(5)] ?? 'echo',
      ending: (['in order', 'in order', 'destroyed', 'left alone'] as const)[this.below(4)] ?? 'in order',
      // Many small ones, few large ones.
      bytes: 1 + this.below(1 << (4 + this.below(16))),
    };
  }

  private async runSession(plan: Plan): Promise<void> {
    const connection = await connectStock({
      host: '127.0.0.1',
      port: this.order.ports[plan.listener] ?? 0,
      peer: plan.peer,
      stream: true,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
    });
    try {
      if (plan.listener === 'breaking') await this.untilBroken(connection, plan);
      else await this.untilEchoed(connection, plan);
    } finally {
      await connection.destroy();
    }
  }

  private async untilEchoed(connection: StockConnection, plan: Plan): Promise<void> {
    const stream = connection.stream();
    // What went wrong is told by how the connection was closed.
    stream.on('error', () => undefined);
    let received = 0;
    const echoed = new Promise<void>((resolve) => {
      stream.on('data', (chunk: Uint8Array) => {
        if (this.pattern.countDifferences(received, chunk, 0, chunk.length) > 0) this.fail('wrong bytes');
        received += chunk.length;
        this.verifiedBytes += chunk.length;
        if (received >= plan.bytes) resolve();
      });
    });
    const isInOrder = plan.ending === 'in order' && plan.peer === 'kcpgate';
    // Half of the way is enough for one that is dropped.
    for (let sent = 0; sent < plan.bytes;) {
      const length = Math.min(plan.bytes - sent, CHUNK_BYTES, this.pattern.runAt(sent));
      const at = this.pattern.offsetOf(sent);
      // A copy: the stream keeps what it is given.
      const hasRoom = stream.write(Buffer.from(this.pattern.bytes.subarray(at, at + length)));
      sent += length;
      if (!hasRoom) await Promise.race([once(stream, 'drain'), connection.closed]);
      if (plan.ending === 'destroyed' && sent > plan.bytes / 2) {
        this.cutOff++;
        return;
      }
    }
    if (isInOrder) stream.end();
    await Promise.race([echoed, connection.closed, delay(SESSION_TIMEOUT_MS, undefined, { ref: false })]);
    if (received !== plan.bytes) throw new Error(`${received} of ${plan.bytes} bytes came back`);
    if (isInOrder) {
      const { code } = await connection.closed;
      if (code !== NORMAL) throw new Error(`closed with ${code}`);
    }
    if (plan.ending === 'left alone') await delay(this.below(2000));
    this.finished++;
  }

  /** The back end resets: a kcpgate peer is told; a stock peer sees nothing and goes. */
  private async untilBroken(connection: StockConnection, { peer }: Plan): Promise<void> {
    const stream = connection.stream();
    stream.on('error', () => undefined);
    stream.resume();
    stream.write(Buffer.alloc(1 + this.below(10_000)));
    const limitMs = peer === 'stock' ? 300 : SESSION_TIMEOUT_MS;
    const end = await Promise.race([connection.closed, delay(limitMs, undefined, { ref: false })]);
    if (peer === 'kcpgate' && (end === undefined || end.code === NORMAL))
      throw new Error('not told of the reset');
    this.cutOff++;
  }

  private fail(text: string): void {
    this.failures++;
    if (this.failureTexts.length < MAX_TEXTS) this.failureTexts.push(text);
  }

  private below(bound: number): number {
    return this.random.nextUint32() % bound;
  }
}

const NORMAL = 1000;
const CHUNK_BYTES = 16 * 1024;
const IDLE_TIMEOUT_MS = 30_000;
const SESSION_TIMEOUT_MS = 30_000;
const MAX_TEXTS = 5;
