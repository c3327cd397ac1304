import type { PacketCipher } from '../../../src/base/packet-cipher.ts';
import type { AeadResult } from './aead-scenario.ts';
import type { Measures } from './measure.ts';

/**
 * The figures of one implementation; none when it was not there.
 * @throws Error when a datagram did not come back authentic.
 */
export function aeadMeasures(
  { complete, figures }: AeadResult,
  implementation: PacketCipher['implementation'],
): Measures {
  if (!complete) throw new Error('a datagram did not come back authentic');
  const own = figures.filter((figure) => figure.implementation === implementation);
  return Object.fromEntries(
    own.flatMap(({ datagramBytes, batch, keys, sealMicroseconds, openMicroseconds }) => {
      const shape = [
        datagramBytes === 1400 ? '' : `${datagramBytes}Bytes`,
        batch === 32 ? '' : 'Singly',
        keys === 1 ? '' : `${keys}Keys`,
      ].join('');
      return [
        [`sealMicroseconds${shape}`, sealMicroseconds],
        [`openMicroseconds${shape}`, openMicroseconds],
      ];
    }),
  );
}
