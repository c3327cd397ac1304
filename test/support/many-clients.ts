/**
 * A process with many clients, each with a session to an echo that it says something to twice a second. Its first argument is
 * a {@link CrowdOrder} in JSON. It prints `ready` when all have been answered, `back` when all have been answered anew after
 * each `ask` on its standard input, and ends after `finish`.
 */
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type ClientSession } from '../../src/client/node/index.ts';
import type { CrowdOrder } from './crowd-order.ts';

const order = JSON.parse(process.argv[2] ?? '{}') as CrowdOrder;
const PAUSE_MS = 500;
const say = (event: object): void => void process.stdout.write(`${JSON.stringify(event)}\n`);

const sessions: ClientSession[] = [];
/** Who was not answered yet since the last question. */
let waiting = new Set(Array.from({ length: order.clients }, (_, index) => index));
let answer = 'ready';
let isFinishing = false;
const counts: Record<string, number> = {};
const count = (name: string): void => void (counts[name] = (counts[name] ?? 0) + 1);

function heard(index: number): void {
  if (!waiting.delete(index) || waiting.size > 0) return;
  say({ event: answer, ...counts });
}

async function live(index: number): Promise<void> {
  await delay((index * order.startOverMs) / order.clients);
  const client = createClient({
    loginUrl: order.loginUrl,
    socketBufferBytes: 65_536,
    ...order.options,
  });
  const session = await client.connect({ onStatus: ({ type }) => count(type) });
  sessions.push(session);
  void (async () => {
    for await (const _answer of session) heard(index);
  })();
  const word = new TextEncoder().encode(String(index));
  while (!isFinishing && !session.isOver) {
    session.send(word);
    await delay(PAUSE_MS);
  }
}

const input = createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'finish') {
    isFinishing = true;
    return;
  }
  answer = 'back';
  waiting = new Set(Array.from({ length: order.clients }, (_, index) => index));
});
await Promise.all(Array.from({ length: order.clients }, (_, index) => live(index)));
await Promise.all(sessions.map((session) => session.destroy()));
say({ event: 'ended', ...counts });
input.close();
process.stdin.destroy();
