import { Command } from '../../../../src/wire/command.ts';
import { ADDRESS_BLOCK_BYTES } from '../../../../src/wire/address-block.ts';
import { PATH_PROBE_BYTES } from '../../../../src/wire/path-probe.ts';
import { SEALED_OVERHEAD_BYTES } from '../../../../src/wire/sealed-header.ts';
import type { ExaminedDatagram } from '../examined.ts';
import type { FoundDatagram } from '../found-datagram.ts';
import type { Experts } from './experts.ts';
import { gatewayOf, type Link } from './session.ts';

/** Follows sessions that logged in from line to line, by the rules of the gateway. */
export class LineWatch {
  readonly #experts: Experts;
  readonly #analysis: boolean;

  constructor(experts: Experts, analysis: boolean) {
    this.#experts = experts;
    this.#analysis = analysis;
  }

  /** A sealed datagram of the client, the newest so far and no copy. */
  takeSealed(link: Link, datagram: ExaminedDatagram, found: FoundDatagram, pathId: number): void {
    const { session } = link;
    const { current } = session;
    if (current === null) {
      session.current = link;
      session.pathId = pathId;
      return;
    }
    const samePath = pathId === session.pathId;
    if (current === link && samePath) return;
    if (!samePath && isProbing(datagram, found.length)) return;
    session.pathId = pathId;
    if (current === link) return;
    this.#move(link, samePath && found.flow.carrier === 'udp', found);
  }

  /** A clear datagram of a session. Only a session that logged in moves, to where its client said HELLO. */
  takeClear(link: Link, datagram: ExaminedDatagram, found: FoundDatagram): void {
    const { session } = link;
    if (session.current === link) return;
    if (session.current === null) {
      session.current = link;
      link.isOffered = false;
      return;
    }
    const isCalled = found.told?.isInUse ?? (session.type === 'login_clear' && link.isOffered);
    if (!datagram.isFromClient || !isCalled) return;
    link.isOffered = false;
    const [from, to] = [gatewayOf(session.current), gatewayOf(link)];
    const isSameLine = from.address === to.address && from.port === to.port;
    this.#move(link, isSameLine && found.flow.carrier === 'udp', found);
  }

  #move(link: Link, isRebinding: boolean, found: FoundDatagram): void {
    const { session } = link;
    const from = session.current;
    session.moveTo(link, isRebinding, found.timeUs, found.packet);
    if (from === null || !isRebinding || !this.#analysis) return;
    this.#experts.noteRebinding(session, from, link, found.packet);
  }
}

/** Whether a datagram tries a path and moves nothing; of one that cannot be opened its length says so. */
function isProbing({ clear, segments, segmentCount }: ExaminedDatagram, length: number): boolean {
  if (clear === null) return length <= LONGEST_PROBE;
  for (let i = 0; i < segmentCount; i++) {
    const cmd = segments[i]?.cmd;
    if (cmd !== Command.pathChallenge && cmd !== Command.pathResponse && cmd !== Command.padding)
      return false;
  }
  return true;
}

/** Two challenges or responses, sealed, with address block. */
const LONGEST_PROBE = SEALED_OVERHEAD_BYTES + ADDRESS_BLOCK_BYTES + 2 * PATH_PROBE_BYTES;
