/**
 * A process with many clients that log in through nginx, each with a session to an echo whose answers are compared with what
 * was sent. Its first argument is a {@link NginxCrowdOrder} in JSON. It prints `ready` when each has been answered, `members`
 * after `report` on its standard input, `marked` after `mark`, and after `finish` `result`, when all sessions ended in order.
 */
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type ClientSession, type ClientStatus } from '../../src/client/node/index.ts';
import { keystream } from './keystream.ts';
import type { CrowdMember, CrowdResult, NginxCrowdOrder } from './nginx-crowd-order.ts';

const order = JSON.parse(process.argv[2] ?? '{}') as NginxCrowdOrder;
const nowMs = (): number => performance.timeOrigin + performance.now();
const say = (event: string, fields: object = {}): void =>
  void process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
let isFinishing = false;
let notHeard = order.clients;

/** A login with lines of one transport only. */
const toldOnly: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  if (!response.ok || order.told === undefined) return response;
  const answer = (await response.json()) as { readonly lines: readonly { readonly transport: string }[] };
  const lines = answer.lines.filter(({ transport }) => transport === order.told);
  return Response.json({ ...answer, lines });
};

class Member {
  private readonly sentHash = createHash('sha256');
  private readonly receivedHash = createHash('sha256');
  private readonly told: Record<string, number> = {};
  private sentBytes = 0;
  private receivedBytes = 0;
  private gatewayId = 0;
  private logins = 0;
  private heardAt = 0;
  private gapMs = 0;
  private gapFromMs = 0;
  private session: ClientSession | undefined;

  async live(index: number): Promise<void> {
    await delay((index * order.startOverMs) / order.clients);
    const line = order.lines?.[index % order.lines.length] ?? undefined;
    const client = createClient({
      ...order.options,
      ...(line === undefined ? {} : { line }),
      loginUrl: order.loginUrl,
      mode: order.mode,
      socketBufferBytes: 65_536,
      fetch: toldOnly,
    });
    const session = await client.connect({ onStatus: (status) => this.take(status) });
    this.session = session;
    await Promise.all([this.speak(session, index), this.listen(session)]);
    await client.close();
  }

  mark(): void {
    this.heardAt = nowMs();
    this.gapMs = 0;
  }

  report(): CrowdMember {
    const { gatewayId, logins, sentBytes, receivedBytes, told } = this;
    const open = nowMs() - this.heardAt;
    const gap = open > this.gapMs ? [open, this.heardAt] : [this.gapMs, this.gapFromMs];
    const line = this.session?.line?.id ?? '';
    const [gapMs, gapFromMs] = gap as [number, number];
    return { gatewayId, line, logins, gapMs, gapFromMs, sentBytes, receivedBytes, told };
  }

  get isWhole(): boolean {
    return this.sentHash.copy().digest('hex') === this.receivedHash.copy().digest('hex');
  }

  async code(): Promise<number> {
    return this.session === undefined ? 0 : (await this.session.closed).code;
  }

  private take(status: ClientStatus): void {
    const name = status.type === 'close' ? `close ${String(status.code)}` : status.type;
    this.told[name] = (this.told[name] ?? 0) + 1;
    if (status.type === 'loggedin' && status.isFresh) this.logins++;
    if (status.type === 'open' || status.type === 'reconnected') this.gatewayId = status.gatewayId;
  }

  private async speak(session: ClientSession, index: number): Promise<void> {
    const pieces = keystream(order.seed + index, Number.MAX_SAFE_INTEGER, order.pieceBytes);
    for await (const piece of pieces) {
      if (isFinishing || session.isOver) break;
      await this.send(session, piece as Uint8Array);
      await delay(order.everyMs);
    }
    if (order.mode === 'stream') session.end();
    else await this.last();
    if (order.mode === 'messages') await session.close();
  }

  /** Waits for what was not answered, as long as something comes. Turns are counted: none pass while this process does not run. */
  private async last(): Promise<void> {
    for (let turns = 0, seen = 0; this.receivedBytes < this.sentBytes && turns < LAST_TURNS; turns++) {
      await delay(LAST_TURN_MS);
      if (this.receivedBytes > seen) turns = 0;
      seen = this.receivedBytes;
    }
  }

  private async send(session: ClientSession, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length && !session.isOver;) {
      const taken = session.send(bytes, at);
      this.sentHash.update(bytes.subarray(at, at + taken));
      this.sentBytes += taken;
      at += taken;
      if (at < bytes.length) await session.writable();
    }
  }

  private async listen(session: ClientSession): Promise<void> {
    for await (const bytes of session) {
      if (this.receivedBytes === 0 && --notHeard === 0) say('ready');
      const now = nowMs();
      if (now - this.heardAt > this.gapMs && this.heardAt > 0) {
        this.gapMs = now - this.heardAt;
        this.gapFromMs = this.heardAt;
      }
      this.heardAt = now;
      this.receivedBytes += bytes.length;
      this.receivedHash.update(bytes);
    }
  }
}

/** When nothing came in so many turns, what was not answered when a session without order ends is given up. */
const LAST_TURNS = 50;
const LAST_TURN_MS = 20;
const members = Array.from({ length: order.clients }, () => new Member());

const input = createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'finish') isFinishing = true;
  else if (line === 'report') say('members', { members: members.map((member) => member.report()) });
  else {
    for (const member of members) member.mark();
    say('marked');
  }
});
await Promise.all(members.map((member, index) => member.live(index)));
const codes: Record<string, number> = {};
for (const member of members) {
  const code = String(await member.code());
  codes[code] = (codes[code] ?? 0) + 1;
}
const sum = (of: 'sentBytes' | 'receivedBytes'): number =>
  members.reduce((total, member) => total + member.report()[of], 0);
const result: CrowdResult = {
  sentBytes: sum('sentBytes'),
  receivedBytes: sum('receivedBytes'),
  whole: members.filter(({ isWhole }) => isWhole).length,
  codes,
};
say('result', result);
input.close();
process.stdin.destroy();
