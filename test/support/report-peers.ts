import { PEER_NAMES, missingParts } from './peer-detection.ts';

/** Says once, before any test runs, which peers are missing: their suites will be skipped, or fail when required. */
export function setup(): void {
  for (const name of PEER_NAMES) {
    const parts = missingParts(name);
    if (parts.length === 0) continue;
    console.warn(`peer ${name} is missing (no ${parts.join(', ')}): tools/setup-peers.sh installs it`);
  }
}
