import { GatewayError } from '../../base/errors.ts';
import { isConnection } from '../lines/line-candidate.ts';
import type { Line } from '../login-answer.ts';
import type { ProbeAck } from '../../wire/probe-ack.ts';
import type { ProbeAnswer } from '../switching/known-line.ts';
import { PROBE_CARRIER, ProbeCarrier } from './probe-carrier.ts';
import type { ProbePlatform } from './survey-lines.ts';
import { orAborted } from './time-limit.ts';

/** How one probe goes. */
export interface ProbeOptions {
  /** Length of the datagram, from 64 to 1400. */
  readonly bytes: number;
  /** How long to wait for the answer, in ms, opening the line included. */
  readonly timeoutMs: number;
}

/** The carrier of one line for single probes, from when it is opened until it is closed. */
export class StandbyLine {
  readonly #platform: ProbePlatform;
  readonly #line: Line;
  /** Which of its addresses is taken, counted round. */
  readonly #turn: number;
  /** Probes without answer, by number. */
  readonly #pending = new Map<number, PendingProbe>();
  readonly #own = new AbortController();
  /** undefined: it could not be opened. */
  #carrier: Promise<ProbeCarrier | undefined> | undefined;
  #sent = 0;

  constructor(platform: ProbePlatform, line: Line, turn: number) {
    this.#platform = platform;
    this.#line = line;
    this.#turn = turn;
  }

  get isBusy(): boolean {
    return this.#pending.size > 0;
  }

  /** Worth keeping after an answer: a connection costs the gateway too much for what it is used. */
  get isCheap(): boolean {
    return !isConnection(this.#line);
  }

  /** @returns undefined when no answer came. Never rejects. */
  async ask({ bytes, timeoutMs }: ProbeOptions): Promise<ProbeAnswer | undefined> {
    if (this.#pending.size >= MAX_PENDING) return undefined;
    const number = this.#sent++;
    const nonce = Math.floor(this.#platform.random() * 2 ** 32);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const answer = await new Promise<ProbeAnswer | undefined>((resolve) => {
      const probe = { nonce, bytes, sentAt: 0, resolve };
      this.#pending.set(number, probe);
      timer = setTimeout(resolve, timeoutMs, undefined);
      this.#carrier ??= this.#open(timeoutMs);
      void this.#carrier.then((carrier) => {
        // Nobody waits for it any more.
        if (!this.#pending.has(number)) return;
        const now = (probe.sentAt = this.#platform.clock.now());
        if (carrier?.send({ index: 0, number, nonce, bytes }, now) !== true) resolve(undefined);
      });
    });
    clearTimeout(timer);
    this.#pending.delete(number);
    return answer;
  }

  /** What was asked has no answer. Resolves when nothing is left. */
  async close(): Promise<void> {
    this.#own.abort(new GatewayError('connect_failed', 'the probes ended'));
    this.#giveUp();
    await (await this.#carrier)?.close();
  }

  async #open(timeoutMs: number): Promise<ProbeCarrier | undefined> {
    const { signal } = this.#own;
    const { host, port } = this.#line;
    try {
      // Not every look-up ends when it is told to.
      const addresses = await orAborted(this.#platform.resolve(host, port, signal), signal);
      const address = addresses[this.#turn % Math.max(1, addresses.length)];
      const options = { address, ...PROBE_CARRIER, timeoutMs, signal };
      const opened = await this.#platform.openLine(this.#line, options);
      return new ProbeCarrier(opened, {
        answered: (ack) => this.#answered(ack),
        lost: () => this.#giveUp(),
      });
    } catch {
      return undefined;
    }
  }

  /** Answers to what was not asked are dropped. */
  #answered({ number, nonce, load, draining, notReady }: ProbeAck): void {
    const probe = this.#pending.get(number);
    if (probe?.nonce !== nonce) return;
    const rttMs = this.#platform.clock.now() - probe.sentAt;
    probe.resolve({ rttMs, bytes: probe.bytes, load, draining, notReady });
  }

  #giveUp(): void {
    for (const { resolve } of this.#pending.values()) resolve(undefined);
  }
}

interface PendingProbe {
  readonly nonce: number;
  readonly bytes: number;
  sentAt: number;
  readonly resolve: (answer: ProbeAnswer | undefined) => void;
}

const MAX_PENDING = 16;
