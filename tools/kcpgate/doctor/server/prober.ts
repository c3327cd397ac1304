import { randomInt } from 'node:crypto';
import type { SocketAddress } from '../../../../src/base/address.ts';
import type { Line } from '../../../../src/client/login-answer.ts';
import type { ClientPlatform, OpenedLine } from '../../../../src/client/sdk/client-platform.ts';
import { PROBE_CARRIER, ProbeCarrier } from '../../../../src/client/sdk/probe-carrier.ts';
import type { ProbeAck } from '../../../../src/wire/probe-ack.ts';

/** What came back for one PROBE. */
export interface ProbeAnswer {
  readonly rttMs: number;
  readonly ack: ProbeAck;
}

/** Asks one address of a line with PROBEs, from one socket or connection. Has to be closed. */
export class Prober {
  /** The port here. */
  readonly localPort: number;
  readonly #carrier: ProbeCarrier;
  /** By number. */
  readonly #questions = new Map<number, Question>();
  #asked = 0;

  /** @throws GatewayError when the line cannot be opened. */
  static async open(
    platform: Pick<ClientPlatform, 'openLine'>,
    line: Line,
    address: SocketAddress | undefined,
  ): Promise<Prober> {
    const { signal } = new AbortController();
    const options = { address, ...PROBE_CARRIER, timeoutMs: OPEN_MS, signal };
    return new Prober(await platform.openLine(line, options));
  }

  private constructor(opened: OpenedLine) {
    this.localPort = opened.carrier.localAddress.port;
    this.#carrier = new ProbeCarrier(opened, {
      answered: (ack) => {
        const question = this.#questions.get(ack.number);
        if (question?.nonce === ack.nonce) {
          question.settle({ ack, rttMs: performance.now() - question.sentAtMs });
        }
      },
      lost: () => {
        for (const { settle } of this.#questions.values()) settle(undefined);
      },
    });
  }

  /**
   * Sends one PROBE.
   * @param bytes its length as a datagram, 64 or more.
   * @returns undefined when no answer came in time.
   */
  async ask(bytes: number, timeoutMs: number): Promise<ProbeAnswer | undefined> {
    const number = this.#asked++;
    const nonce = randomInt(2 ** 32);
    const sentAtMs = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const answer = await new Promise<ProbeAnswer | undefined>((settle) => {
      timer = setTimeout(settle, timeoutMs, undefined);
      this.#questions.set(number, { nonce, sentAtMs, settle });
      if (!this.#carrier.send({ index: 0, number, nonce, bytes }, 0)) settle(undefined);
    });
    clearTimeout(timer);
    this.#questions.delete(number);
    return answer;
  }

  close(): Promise<void> {
    return this.#carrier.close();
  }
}

interface Question {
  readonly nonce: number;
  readonly sentAtMs: number;
  readonly settle: (answer: ProbeAnswer | undefined) => void;
}

/** How long a connection may take. */
const OPEN_MS = 5_000;
