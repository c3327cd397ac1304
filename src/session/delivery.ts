import { NEVER } from '../base/clock.ts';
import type { CloseCode } from '../base/close-code.ts';
import type { Sink } from '../base/sink.ts';
import type { DirectReceiver, KcpEngine } from '../kcp/index.ts';
import type { Lifecycle } from './lifecycle.ts';

/** What a session gives its sink: data in order, and word of what happens. The sink may call the session from within. */
export class Delivery implements DirectReceiver {
  private readonly life: Lifecycle;
  private sink: Sink | undefined;
  private openedTold = false;
  /** The sink said stop. */
  private paused = false;
  /** The sink was written to and not flushed. */
  private written = false;
  /** `send` took less than it was given. */
  private sendBlocked = false;
  /** Payload memory was short: try again at this time although nothing else happens. */
  private retryAt = NEVER;

  constructor(life: Lifecycle) {
    this.life = life;
  }

  bind(sink: Sink): void {
    this.sink = sink;
    this.openedTold = sink.opened === undefined;
  }

  /** {@link DirectReceiver}: nothing is in the way of data that has just arrived. */
  get takesNow(): boolean {
    const { life } = this;
    return (
      this.sink !== undefined &&
      life.state === 'open' &&
      this.openedTold &&
      !this.paused &&
      !life.isCloseWanted
    );
  }

  /** {@link DirectReceiver}: the engine hands over what is next in order. */
  write(bytes: Uint8Array, offset: number, length: number, endOfMessage: boolean): boolean {
    // First: a sink that destroys the session from within is flushed, too.
    this.written = true;
    const goesOn = this.sink?.write(bytes, offset, length, endOfMessage) ?? false;
    if (!goesOn) this.paused = true;
    return goesOn && !this.life.isDone;
  }

  /** Hands over a message that came outside the order. @returns whether it was taken. */
  writeDatagram(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.takesNow || this.sink?.datagram === undefined) return false;
    this.sink.datagram(bytes, offset, length);
    return true;
  }

  /** Hands over what waited, and ends the run of writes. */
  deliver(engine: KcpEngine): void {
    const takes = this.sink !== undefined && !this.paused && !this.life.isDone;
    if (takes && engine.hasMessage) engine.receive(this);
    this.flush();
  }

  /** The sink wants data again. @returns false when it never said stop. */
  resume(): boolean {
    if (!this.paused) return false;
    this.paused = false;
    return true;
  }

  /** The sink could not send all it had: it is told when there is room. */
  blockSend(): void {
    this.sendBlocked = true;
  }

  /** Tells a blocked sink that there is room again. */
  offerRoom(now: number, engine: KcpEngine): void {
    this.retryAt = NEVER;
    if (!this.sendBlocked || !engine.hasRoom) return;
    this.sendBlocked = false;
    this.sink?.writable();
    // Refused again although there was room: payload memory may be short, and nothing here announces that it is back.
    if (this.isSendBlocked()) this.retryAt = now + MEMORY_RETRY_MS;
  }

  /** When {@link offerRoom} is to be called although nothing else happens, in ms. */
  get deadline(): number {
    return this.retryAt;
  }

  tellOpened(): void {
    if (this.openedTold) return;
    this.openedTold = true;
    this.sink?.opened?.();
  }

  tellDrain(): void {
    this.sink?.drain();
  }

  tellEnd(): void {
    this.sink?.end();
  }

  /** Lets the sink go, for this reason; once. */
  release(code: CloseCode, reason: string): void {
    const { sink } = this;
    if (sink === undefined) return;
    try {
      this.flush();
    } finally {
      this.sink = undefined;
      sink.close(code, reason);
    }
  }

  private flush(): void {
    if (!this.written) return;
    this.written = false;
    this.sink?.flush();
  }

  /** Read anew after a call out, which may have set it. */
  private isSendBlocked(): boolean {
    return this.sendBlocked;
  }
}

const MEMORY_RETRY_MS = 50;
