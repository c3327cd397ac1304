import { randomInt } from 'node:crypto';
import { connect } from 'node:net';
import type { SocketAddress } from '../../../src/base/address.ts';
import { PROBE_ACK_BYTES } from '../../../src/wire/probe-ack.ts';
import { AnswerWait } from './answer-wait.ts';
import { failed, type ProbeOutcome } from './probe-outcome.ts';
import { answerIn, probeDatagram } from './probe-message.ts';

/**
 * Makes a connection to the TCP port of a gateway and sends a PROBE on it: the system accepts connections for a process that
 * hangs, so a connection alone says nothing. Every probe has its own, because that is what new clients need.
 */
export async function probeTcp({ address, port }: SocketAddress, timeoutMs: number): Promise<ProbeOutcome> {
  const wait = new AnswerWait(timeoutMs);
  const identity = { number: 1, nonce: randomInt(2 ** 32) };
  const socket = connect({ host: address, port, noDelay: true });
  let held: Buffer = Buffer.alloc(0);
  socket.once('connect', () => {
    socket.write(framed(probeDatagram(identity)));
  });
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk.subarray(0, FRAME_BYTES)]);
    if (held.length < LENGTH_BYTES) return;
    if (held.readUInt16BE(0) !== PROBE_ACK_BYTES) return wait.end(failed('bad_answer', 'another frame'));
    if (held.length < FRAME_BYTES) return;
    const condition = answerIn(held.subarray(LENGTH_BYTES, FRAME_BYTES), identity);
    if (condition === undefined) wait.end(failed('bad_answer', 'a frame that does not answer the probe'));
    else wait.answered(condition);
  });
  socket.on('error', (error) => {
    wait.broke(error);
  });
  socket.on('end', () => {
    wait.end(failed('closed'));
  });
  socket.on('close', () => {
    wait.end(failed('closed'));
  });
  try {
    return await wait.outcome;
  } finally {
    socket.destroy();
  }
}

const LENGTH_BYTES = 2;
const FRAME_BYTES = LENGTH_BYTES + PROBE_ACK_BYTES;

function framed(datagram: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(LENGTH_BYTES + datagram.length);
  frame.writeUInt16BE(datagram.length, 0);
  frame.set(datagram, LENGTH_BYTES);
  return frame;
}
