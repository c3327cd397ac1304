import { readFileSync } from 'node:fs';
import type { SceneContext } from './scene.ts';

/** Every datagram of the test vectors, good and bad, each on a flow of its own. */
export function vectorScene({ recorder, ends: { client, server } }: SceneContext): Promise<void> {
  let port = 10_000;
  for (const hex of [...wireDatagrams(), ...handshakeDatagrams(), ...proxyDatagrams()]) {
    const bytes = Buffer.from(hex, 'hex');
    if (bytes.length > 0) recorder.udp({ ...client, port: port++ }, server, bytes);
  }
  return Promise.resolve();
}

/** Something of the vectors, in hexadecimal. */
interface Entry {
  readonly hex: string;
  readonly payload?: string;
}

const read = (name: string): Record<string, readonly Entry[]> =>
  JSON.parse(readFileSync(new URL(`../../vectors/${name}.json`, import.meta.url), 'utf8')) as Record<
    string,
    readonly Entry[]
  >;

function wireDatagrams(): string[] {
  const { segments, lenientSegments, badSegments, datagramKinds, datagrams } = read('wire');
  return [segments, lenientSegments, badSegments, datagramKinds, datagrams].flatMap((entries) =>
    hexOf(entries),
  );
}

function handshakeDatagrams(): string[] {
  const { sealedDatagrams, forgedDatagrams, cutSealedDatagrams, hellos, helloAcks, badHandshakes } =
    read('handshake');
  return [sealedDatagrams, forgedDatagrams, cutSealedDatagrams, hellos, helloAcks, badHandshakes].flatMap(
    (entries) => hexOf(entries),
  );
}

/** A header with a WINS behind it, and alone. */
function proxyDatagrams(): string[] {
  const { headers, bad } = read('proxy');
  const behind = '0403020154000004000000000000000005000000' + '00000000';
  return [...hexOf(headers), ...hexOf(bad)].flatMap((hex) => [hex + behind, hex]);
}

const hexOf = (entries: readonly Entry[] = []): string[] =>
  entries.flatMap(({ hex }) => (typeof hex === 'string' ? [hex] : []));
