import { parseSocketAddress } from '../../../../src/base/address.ts';
import { Command, commandName } from '../../../../src/wire/command.ts';
import { addressBlockBytesOf } from '../../../../src/wire/data-segment.ts';
import { SEGMENT_HEADER_BYTES, writeSegmentHeader } from '../../../../src/wire/segment.ts';
import type { Flow, FlowEnd, FoundCarrier, FoundDatagram, RecordedCause } from '../found-datagram.ts';
import type { QlogDatagram, QlogEvent, QlogHeader, QlogSegment } from './qlog-record.ts';

/** Makes datagrams again out of what a recording says of them: headers as they were, payload as zeros. */
export class DatagramBuilder {
  readonly #header: QlogHeader;
  readonly #bytes = new Uint8Array(MAX_DATAGRAM_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #flows: (Flow | undefined)[] = [];
  readonly #found: FoundDatagram;
  /** By `sn`, what the sender said it sends again in the next datagrams. */
  readonly #sentAgain = new Map<number, RecordedCause>();
  #pathInUse = -1;

  constructor(header: QlogHeader) {
    this.#header = header;
    this.#found = {
      packet: 0,
      timeUs: 0,
      flow: UNKNOWN_FLOW,
      isFromA: true,
      bytes: this.#bytes,
      offset: 0,
      length: 0,
      missingBytes: 0,
      isProxyHeader: false,
      comment: '',
    };
  }

  /** @returns the datagram of the event, valid until the next one; undefined when it is about something else. */
  take(event: QlogEvent, number: number): FoundDatagram | undefined {
    switch (event.name) {
      case 'kcp:datagram_sent':
      case 'kcp:datagram_received':
        return this.#build(event.data, event.name === 'kcp:datagram_sent', event.time, number);
      case 'kcp:path_found':
        this.#flows[event.data.path] = this.#flowOf(event.data);
        return undefined;
      case 'kcp:path_in_use':
        this.#pathInUse = event.data.path;
        return undefined;
      case 'kcp:segment_retransmitted':
        if (this.#sentAgain.size < MAX_TOLD) this.#sentAgain.set(event.data.sn, event.data.trigger);
        return undefined;
      default:
        return undefined;
    }
  }

  #build(datagram: QlogDatagram, isSent: boolean, timeMs: number, number: number): FoundDatagram | undefined {
    // Handshakes are known by their size only.
    if (datagram.handshake) return undefined;
    const found = this.#found;
    found.packet = number;
    found.timeUs = (this.#header.startedAtMs + timeMs) * 1000;
    found.flow = this.#flows[datagram.path] ?? UNKNOWN_FLOW;
    // The client comes first in every flow.
    found.isFromA = isSent === this.#header.isClient;
    found.length = this.#writeSegments(datagram.segments);
    const causes = isSent ? this.#causesOf(datagram.segments) : NO_CAUSES;
    found.told = {
      isLoggedIn: this.#header.isLoggedIn,
      isSealed: datagram.raw.length > found.length,
      isCopy: datagram.copy,
      isInUse: datagram.path === this.#pathInUse,
      causes,
    };
    found.comment = commentOf(datagram.copy, causes);
    return found;
  }

  #writeSegments(segments: readonly QlogSegment[]): number {
    let at = 0;
    for (const { cmd, frg, wnd, ts, sn, una, length } of segments) {
      const command = typeof cmd === 'number' ? cmd : COMMANDS.get(cmd);
      const total = SEGMENT_HEADER_BYTES + addressBlockBytesOf(command ?? 0) + length;
      if (command === undefined || at + total > this.#bytes.length) break;
      this.#bytes.fill(0, at, at + total);
      writeSegmentHeader(this.#view, at, this.#header.conv, command, frg, wnd, ts, sn, una, length);
      at += total;
    }
    return at;
  }

  #causesOf(segments: readonly QlogSegment[]): ReadonlyMap<number, RecordedCause> {
    if (this.#sentAgain.size === 0) return NO_CAUSES;
    const causes = new Map<number, RecordedCause>();
    for (const { cmd, sn } of segments) {
      const cause = cmd === PUSH || cmd === NEW ? this.#sentAgain.get(sn) : undefined;
      if (cause === undefined) continue;
      causes.set(sn, cause);
      this.#sentAgain.delete(sn);
    }
    return causes;
  }

  #flowOf(path: { path: number; carrier: string; local: string; remote: string }): Flow {
    const [local, remote] = [endOf(path.local), endOf(path.remote)];
    const [a, b] = this.#header.isClient ? [local, remote] : [remote, local];
    return { index: path.path, carrier: CARRIERS.get(path.carrier) ?? 'udp', a, b };
  }
}

function commentOf(isCopy: boolean, causes: ReadonlyMap<number, RecordedCause>): string {
  const notes = isCopy ? ['copy'] : [];
  if (causes.size > 0)
    notes.push(`sent again: ${[...causes].map(([sn, cause]) => `${sn} (${cause})`).join(', ')}`);
  return notes.join('; ');
}

function endOf(text: string): FlowEnd {
  const parsed = parseSocketAddress(text);
  return parsed.ok ? { address: parsed.address.address, port: parsed.address.port } : NO_END;
}

const NO_CAUSES: ReadonlyMap<number, RecordedCause> = new Map();
const PUSH = commandName(Command.push);
const NEW = commandName(Command.new);
const COMMANDS: ReadonlyMap<string, number> = new Map(
  Object.values(Command).map((cmd) => [commandName(cmd) ?? '', cmd]),
);
const CARRIERS: ReadonlyMap<string, FoundCarrier> = new Map([
  ['udp', 'udp'],
  ['tcp', 'tcp'],
  ['tls', 'tcp'],
  ['ws', 'websocket'],
  ['wss', 'websocket'],
]);
const NO_END: FlowEnd = { address: '', port: 0 };
const UNKNOWN_FLOW: Flow = { index: 0, carrier: 'udp', a: NO_END, b: NO_END };
const MAX_DATAGRAM_BYTES = 65_535;
/** As many segments as can be in flight. */
const MAX_TOLD = 65_536;
