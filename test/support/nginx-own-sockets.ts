import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { formatSocketAddress } from '../../src/base/address.ts';

/** Where the sockets of this process are that are connected to a port, as the kernel lists them: `127.0.0.1:40001`. */
export function ownAddresses(remotePort: number): ReadonlySet<string> {
  const inodes = new Set(readdirSync('/proc/self/fd').map(inodeOf));
  const found = new Set<string>();
  for (const table of ['udp', 'udp6', 'tcp', 'tcp6']) {
    const [, ...rows] = readFileSync(`/proc/self/net/${table}`, 'latin1').trimEnd().split('\n');
    for (const row of rows) {
      const columns = row.trim().split(/\s+/u);
      if (!inodes.has(columns[9]!) || portOf(columns[2]!) !== remotePort) continue;
      const [address] = columns[1]!.split(':');
      const { length } = address!;
      const text = length === 8 ? v4Text(address!) : v6Text(address!);
      found.add(
        formatSocketAddress({ address: text, family: length === 8 ? 4 : 6, port: portOf(columns[1]!) }),
      );
    }
  }
  return found;
}

function inodeOf(descriptor: string): string {
  try {
    return /^socket:\[(\d+)\]$/u.exec(readlinkSync(`/proc/self/fd/${descriptor}`))?.[1] ?? '';
  } catch {
    // It was closed meanwhile.
    return '';
  }
}

const portOf = (text: string): number => Number.parseInt(text.split(':')[1]!, 16);

/** The kernel writes words of four bytes as numbers of the processor, the lowest byte last. */
const bytesOf = (word: string): string[] => word.match(/../gu)!.toReversed();

const v4Text = (word: string): string =>
  bytesOf(word)
    .map((byte) => String(Number.parseInt(byte, 16)))
    .join('.');

/** Loopback is the only one that occurs here; others are not shortened. */
function v6Text(words: string): string {
  const hex = words.match(/.{8}/gu)!.flatMap(bytesOf).join('');
  return hex === `${'0'.repeat(31)}1` ? '::1' : hex.match(/.{4}/gu)!.join(':');
}
