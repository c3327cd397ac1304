import { describe, expect, test } from 'vitest';
import type { GatewayError } from '../../../../src/base/errors.ts';
import type { Carrier } from '../../../../src/carrier/carrier.ts';
import type { ConnectionStatus } from '../../../../src/client/connection-status.ts';
import type { PreparedLine } from '../../../../src/client/sdk/prepared-line.ts';
import { SessionLines } from '../../../../src/client/sdk/session-lines.ts';
import { Path, type Session, type SessionObserver } from '../../../../src/session/index.ts';
import { lineOf, v4 } from '../lines/lines.ts';

const MAX_OTHERS = 3;
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** A session on `home` whose paths the test plays. */
class World {
  readonly lines: SessionLines;
  readonly statuses: ConnectionStatus[] = [];
  readonly closed: string[] = [];
  /** Path by line, the latest one. */
  readonly pathOf = new Map<string, Path>();
  readonly observer: SessionObserver;
  readonly #home = new Path(0, 0, false, 0, { validated: true, announcing: false });
  readonly #session: { state: string; path: Path; paths: Path[]; moveTo(now: number, path: Path): void };
  #opened: string[] = [];

  constructor() {
    const session = (this.#session = {
      state: 'opening',
      path: this.#home,
      paths: [this.#home],
      moveTo: (_now, path) => {
        const from = session.path;
        session.path = path;
        this.observer.moved?.(from, path);
      },
    });
    const attached: string[] = [];
    this.lines = new SessionLines({
      platform: {
        clock: { now: () => 0 },
        random: () => 0,
        resolve: () => Promise.resolve([v4('192.0.2.1')]),
        openLine: ({ id }) => {
          this.#opened.push(id);
          const carrier = {
            release: () => undefined,
            close: () => Promise.resolve(void this.closed.push(id)),
          } as unknown as Carrier;
          return Promise.resolve({ carrier, slot: 0 });
        },
      },
      endpoint: {
        attach: (_carrier, { name }) => attached.push(name) - 1,
        detach: () => Promise.resolve(),
        dial: () => session as unknown as Session,
        tryOpening: (_session, port) => this.#add(port, attached),
        tryPath: (_session, port) =>
          session.paths.find((path) => path.port === port) ?? this.#add(port, attached),
        abandonPath: (_session, path) => this.#drop(path),
      },
      maxDatagramBytes: 2048,
      openTimeoutMs: 1000,
      isReliable: () => false,
      report: (status) => this.statuses.push(status),
      redial: false,
    });
    this.observer = this.lines;
  }

  /** Opens the session on `home`. */
  async open(): Promise<void> {
    const dial = {} as Parameters<SessionLines['tryOpening']>[2];
    const controller = new AbortController();
    void this.lines.tryOpening(lineOf('home'), undefined, dial, controller.signal).catch(() => undefined);
    await settle();
    controller.abort();
    await settle();
    this.#session.state = 'open';
  }

  async prepare(id: string): Promise<PreparedLine> {
    const preparing = this.lines.prepare(lineOf(id));
    await settle();
    this.observer.pathValidated?.(this.pathOf.get(id)!);
    return preparing;
  }

  /** As a session does it: the oldest gives way. */
  #add(port: number, attached: readonly string[]): Path {
    const path = new Path(port, 0, false, port, { validated: true, announcing: false });
    const others = this.#session.paths.filter((other) => other !== this.#session.path);
    if (others.length >= MAX_OTHERS) this.#drop(others[0]!);
    this.#session.paths.push(path);
    this.pathOf.set(attached[port]!, path);
    return path;
  }

  #drop(path: Path): void {
    this.#session.paths = this.#session.paths.filter((other) => other !== path);
  }

  get lineIds(): string[] {
    return this.lines.paths.map(({ line }) => line);
  }
}

describe('a line that is prepared', () => {
  test('is used, released, or lost; then it is gone', async () => {
    const world = new World();
    await world.open();
    const a = await world.prepare('a');
    const b = await world.prepare('b');
    const c = await world.prepare('c');
    expect(world.lineIds).toEqual(['home', 'a', 'b', 'c']);
    b.release();
    b.release();
    const losses: string[] = [];
    c.onLost = ({ code }) => losses.push(code);
    world.observer.pathFailed?.(c.path);
    world.observer.pathFailed?.(c.path);
    a.use();
    expect([a, b, c].map(({ isHeld }) => isHeld)).toEqual([false, false, false]);
    expect(losses).toEqual(['connect_timeout']);
    expect(world.lines.line.id).toBe('a');
    expect(world.statuses).toEqual([{ type: 'moved', from: 'home', to: 'a' }]);
    for (const gone of [a, b, c]) {
      expect(() => gone.use()).toThrow(expect.objectContaining({ code: 'move_failed' }));
      await expect(gone.ask(new AbortController().signal)).rejects.toMatchObject({ code: 'move_failed' });
    }
  });

  test('is asked anew', async () => {
    const world = new World();
    await world.open();
    const a = await world.prepare('a');
    const { signal } = new AbortController();
    const twice = [a.ask(signal), a.ask(signal)];
    world.observer.pathValidated?.(a.path);
    await Promise.all(twice);
    const failing = expect(a.ask(signal)).rejects.toMatchObject({ code: 'connect_timeout' });
    world.observer.pathFailed?.(a.path);
    await failing;
    expect(a.isHeld).toBe(false);
  });

  test('gives way when there are too many, and so does one that is being asked', async () => {
    const world = new World();
    await world.open();
    const losses: GatewayError[] = [];
    const a = await world.prepare('a');
    a.onLost = (error) => losses.push(error);
    const asked = expect(world.lines.prepare(lineOf('b'), { timeoutMs: 60_000 })).rejects.toMatchObject({
      code: 'move_failed',
      message: 'it gave way to other lines',
    });
    for (const id of ['c', 'd', 'e']) await world.prepare(id);
    await asked;
    expect(losses).toMatchObject([{ code: 'move_failed' }]);
    expect(world.lineIds).toEqual(['home', 'c', 'd', 'e']);
  });

  test('ends with the session, whatever is under way', async () => {
    const world = new World();
    await world.open();
    const a = await world.prepare('a');
    const losses: string[] = [];
    a.onLost = ({ code }) => losses.push(code);
    const closed = { code: 'session_closed' };
    const asking = expect(a.ask(new AbortController().signal)).rejects.toMatchObject(closed);
    const preparing = expect(world.lines.prepare(lineOf('b'))).rejects.toMatchObject(closed);
    await settle();
    await world.lines.stop();
    await Promise.all([asking, preparing]);
    expect(losses).toEqual(['session_closed']);
    // A line that is open too late is closed.
    await expect(world.lines.prepare(lineOf('c'))).rejects.toMatchObject(closed);
  });
});
