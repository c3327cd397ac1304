import { describe, test } from 'vitest';
import { missingParts, peersAreRequired, type PeerName } from './peer-detection.ts';

export type { PeerName } from './peer-detection.ts';

/** The peers a suite needs, and what becomes of the suite without them. */
export interface PeerRequirement {
  /** Whether everything is on this machine. */
  readonly available: boolean;
  /** One line that names what is missing and how to get it; empty when nothing is. */
  readonly reason: string;
  /**
   * `describe` for a suite that needs these peers. Without them the suite is skipped and a line on the console says so;
   * with `KCPGATE_REQUIRE_PEERS=1` it fails instead.
   */
  describe(title: string, suite: () => void): void;
}

/**
 * Asks for real programs to test against:
 *
 *     peer('kcp-go').describe('a stock client', () => { test(...) });
 */
export function peer(...names: readonly PeerName[]): PeerRequirement {
  const reason = describeMissing(names);
  return {
    available: reason === '',
    reason,
    describe(title, suite) {
      if (reason === '') describe(title, suite);
      else if (peersAreRequired()) failSuite(title, reason);
      else skipSuite(title, suite, reason);
    },
  };
}

function describeMissing(names: readonly PeerName[]): string {
  const lacking = names
    .map((name) => ({ name, parts: missingParts(name) }))
    .filter(({ parts }) => parts.length > 0)
    .map(({ name, parts }) => `${name} (no ${parts.join(', ')})`);
  return lacking.length === 0 ? '' : `missing peer: ${lacking.join('; ')}; tools/setup-peers.sh installs it`;
}

function failSuite(title: string, reason: string): void {
  describe(title, () => {
    test('needs its peer', () => {
      throw new Error(`KCPGATE_REQUIRE_PEERS=1, but ${reason}`);
    });
  });
}

function skipSuite(title: string, suite: () => void, reason: string): void {
  console.warn(`SKIPPED "${title}": ${reason}`);
  describe.skip(title, suite);
}
