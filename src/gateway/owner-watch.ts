import { createSocket, type Socket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import type { SocketAddress } from '../base/address.ts';
import { NEVER, type Clock } from '../base/clock.ts';
import { Command } from '../wire/command.ts';
import { wireMemory } from '../wire/memory.ts';
import { PROBE_ACK_BYTES, readProbeAck } from '../wire/probe-ack.ts';
import { PROBE_MIN_BYTES, writeProbe } from '../wire/probe.ts';
import { checkSegment, commandOf, SEGMENT_HEADER_BYTES } from '../wire/segment.ts';

/** Another gateway, and what is known of it. */
interface Owner {
  readonly address: SocketAddress;
  isGone: boolean;
  /** When that was found out; NEVER: not yet. */
  foundAt: number;
  /** Ends the question that is under way. */
  stop: (() => void) | undefined;
}

/** Who may own sessions. */
export interface WatchedGateway {
  readonly gatewayId: number;
  readonly udp: SocketAddress | null;
}

/**
 * Whether other gateways answer. Nobody is asked unless somebody wants to know: a few PROBEs then tell, and what they told
 * holds for some seconds.
 */
export class OwnerWatch {
  readonly #owners: ReadonlyMap<number, Owner>;
  readonly #clock: Clock;

  /** @param gateways with their UDP listeners; those without, and those that are not there, count as gone. */
  constructor(gateways: readonly WatchedGateway[], clock: Clock) {
    this.#clock = clock;
    this.#owners = new Map(
      gateways.flatMap(({ gatewayId, udp: address }) =>
        address === null
          ? []
          : [[gatewayId, { address, isGone: false, foundAt: NEVER, stop: undefined }] as const],
      ),
    );
  }

  /** That a gateway does not answer. While that is being found out it counts as there. */
  isGone(gatewayId: number): boolean {
    const owner = this.#owners.get(gatewayId);
    if (owner === undefined) return true;
    const ageMs = this.#clock.now() - owner.foundAt;
    const isKnown = ageMs >= 0 && ageMs < HOLDS_MS;
    if (owner.stop === undefined && (!isKnown || ageMs >= ASK_AGAIN_MS)) this.#ask(owner);
    return isKnown && owner.isGone;
  }

  /** Nobody is asked any more; what is under way is given up. */
  close(): void {
    for (const owner of this.#owners.values()) owner.stop?.();
  }

  #ask(owner: Owner): void {
    const { address, port, family } = owner.address;
    const nonce = randomInt(2 ** 32);
    const question = questionOf(nonce);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    let sent = 0;
    let timer: NodeJS.Timeout | undefined;
    const end = (isGone?: boolean): void => {
      if (owner.stop === undefined) return;
      owner.stop = undefined;
      clearInterval(timer);
      socket.close();
      // What cannot be asked is not known: then it counts as there.
      owner.isGone = isGone ?? false;
      owner.foundAt = this.#clock.now();
    };
    const send = (): void => {
      if (sent++ < QUESTIONS) return trySend(socket, question, end);
      // Timers come before sockets: an answer that lies in the queue of the socket comes next, then this.
      clearInterval(timer);
      setImmediate(() => {
        end(true);
      });
    };
    owner.stop = end;
    socket.on('error', (error) => {
      end(isRefusal(error) ? true : undefined);
    });
    socket.on('message', (bytes) => {
      if (isAnswer(bytes, nonce)) end(false);
    });
    // Connected: nobody else is heard, and that nothing listens there is told.
    socket.connect(port, address, () => {
      if (owner.stop !== end) return;
      timer = setInterval(send, QUESTION_MS).unref();
      send();
    });
    socket.unref();
  }
}

function trySend(socket: Socket, question: Uint8Array, end: (isGone?: boolean) => void): void {
  socket.send(question, (error) => {
    if (error !== null) end(isRefusal(error) ? true : undefined);
  });
}

const isRefusal = (error: Error): boolean => 'code' in error && error.code === 'ECONNREFUSED';

function questionOf(nonce: number): Uint8Array {
  const bytes = new Uint8Array(PROBE_MIN_BYTES);
  const paddingBytes = PROBE_MIN_BYTES - SEGMENT_HEADER_BYTES;
  const probe = { type: 'probe', conv: 0, index: 0, ts: 0, number: 0, nonce, paddingBytes } as const;
  writeProbe(wireMemory(bytes), 0, probe);
  return bytes;
}

function isAnswer(bytes: Uint8Array, nonce: number): boolean {
  const memory = wireMemory(bytes);
  if (bytes.length !== PROBE_ACK_BYTES || checkSegment(memory.view, 0, bytes.length, 0) !== PROBE_ACK_BYTES)
    return false;
  if (commandOf(memory.view, 0) !== Command.probeAck) return false;
  const answer = readProbeAck(memory, 0);
  return typeof answer !== 'string' && answer.nonce === nonce;
}

/** So many PROBEs, so far apart: half a second in all. */
const QUESTIONS = 5;
const QUESTION_MS = 100;
/** Who goes on to want to know has it found out again after so long. */
const ASK_AGAIN_MS = 1_000;
/** After so long nothing is known any more. */
const HOLDS_MS = 5_000;
