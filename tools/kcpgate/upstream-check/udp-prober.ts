import { createSocket, type Socket } from 'node:dgram';
import { randomInt } from 'node:crypto';
import type { SocketAddress } from '../../../src/base/address.ts';
import { AnswerWait } from './answer-wait.ts';
import type { ProbeOutcome } from './probe-outcome.ts';
import { answerIn, probeDatagram } from './probe-message.ts';

/**
 * Sends PROBEs to the UDP port of a gateway, one at a time. It keeps its socket while answers come and takes a new one, with
 * another source port, after a failure: what stands on the way may have the old one wrong.
 */
export class UdpProber {
  readonly #address: SocketAddress;
  #socket: Socket | undefined;
  #wait: AnswerWait | undefined;
  #identity = { number: 0, nonce: 0 };
  #isClosed = false;

  constructor(address: SocketAddress) {
    this.#address = address;
  }

  /** How long an answer may take is told in milliseconds. */
  async probe(timeoutMs: number): Promise<ProbeOutcome> {
    const wait = new AnswerWait(timeoutMs);
    this.#wait = wait;
    this.#identity = { number: (this.#identity.number + 1) >>> 0, nonce: randomInt(2 ** 32) };
    const datagram = probeDatagram(this.#identity);
    if (this.#socket === undefined) this.#open(datagram, wait);
    else this.#send(this.#socket, datagram, wait);
    const outcome = await wait.outcome;
    if (outcome.result !== 'answered') this.#drop();
    return outcome;
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  #open(datagram: Uint8Array, wait: AnswerWait): void {
    const { family, port, address } = this.#address;
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    this.#socket = socket;
    socket.on('error', (error) => {
      // A socket that was given up tells the wait of another nothing.
      if (this.#socket === socket) this.#wait?.broke(error);
    });
    socket.on('message', (bytes) => {
      if (this.#socket === socket) this.#receive(bytes);
    });
    socket.once('connect', () => {
      if (this.#socket === socket && !wait.isOver) this.#send(socket, datagram, wait);
    });
    // Connected: only this gateway is heard, and what ICMP says is told.
    socket.connect(port, address);
  }

  #send(socket: Socket, datagram: Uint8Array, wait: AnswerWait): void {
    socket.send(datagram, (error) => {
      if (error !== null) wait.broke(error);
    });
  }

  #receive(bytes: Uint8Array): void {
    const wait = this.#wait;
    if (wait === undefined || wait.isOver || this.#isClosed) return;
    const condition = answerIn(bytes, this.#identity);
    if (condition === undefined) wait.noteBadAnswer(`${bytes.length} bytes that do not answer the probe`);
    else wait.answered(condition);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.removeAllListeners('message');
    socket.close();
  }
}
