import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../../../src/base/seeded-random.ts';
import { CaptureRecorder } from './capture-recorder.ts';
import {
  clearScene,
  copiesScene,
  fragmentedScene,
  gluedScene,
  probeScene,
  proxyV1Scene,
  proxyV2Scene,
  restartScene,
  sealedScene,
  sppScene,
} from './login-scenes.ts';
import { badLine, goodLine, sceneEnds, type Scene, type SceneContext } from './scene.ts';
import { kcpGoAtGatewayScene, kcpGoScene, markedScene } from './stock-scenes.ts';
import { vectorScene } from './vector-scene.ts';

/** How a scene is played in the corpus. */
interface Part {
  readonly scene: Scene;
  /** Default good. */
  readonly line?: 'bad';
  /** Default 4. */
  readonly family?: 6;
}

/** Everything, by the name of the capture; numbers of scenes follow from the order. */
export const PARTS: Readonly<Record<string, Part>> = {
  'kcp-go': { scene: (context) => kcpGoScene(context, { bytes: 2_600_000 }), line: 'bad' },
  'kcp-go-fec': {
    scene: (context) => kcpGoScene(context, { bytes: 600_000, fecData: 10, fecParity: 3 }),
    line: 'bad',
  },
  'kcp-go-none': { scene: (context) => kcpGoScene(context, { bytes: 100_000, crypt: 'none' }), line: 'bad' },
  'kcp-go-none-fec': {
    scene: (context) => kcpGoScene(context, { bytes: 50_000, crypt: 'none', fecData: 3, fecParity: 1 }),
    line: 'bad',
  },
  'kcp-go-aes': { scene: (context) => kcpGoScene(context, { bytes: 50_000, crypt: 'aes-128' }) },
  'kcp-go-ipv6': { scene: (context) => kcpGoScene(context, { bytes: 100_000 }), line: 'bad', family: 6 },
  'kcp-go-at-gateway': { scene: kcpGoAtGatewayScene, line: 'bad' },
  marked: { scene: markedScene },
  sealed: { scene: sealedScene, line: 'bad' },
  'sealed-ipv6': { scene: sealedScene, line: 'bad', family: 6 },
  copies: { scene: copiesScene, line: 'bad' },
  clear: { scene: clearScene, line: 'bad' },
  restart: { scene: restartScene },
  probes: { scene: probeScene },
  'proxy-v1': { scene: proxyV1Scene },
  'proxy-v2': { scene: proxyV2Scene },
  spp: { scene: sppScene },
  fragments: { scene: fragmentedScene },
  'fragments-ipv6': { scene: fragmentedScene, family: 6 },
  vectors: { scene: vectorScene },
  glued: { scene: gluedScene },
};

/** A capture with the keys of its sessions, as files. */
export interface Corpus {
  readonly captureFile: string;
  readonly keyLogFile: string;
  /** Packets in all. */
  readonly packets: number;
  remove(): void;
}

/** Plays parts, all at the same time, and writes down what passed. @param isSmall only some ten packets of each. */
export async function makeCorpus(
  seed: number,
  names: readonly string[] = Object.keys(PARTS),
  isSmall = false,
): Promise<Corpus> {
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-captures-'));
  const captureFile = join(folder, 'capture.pcapng');
  const keyLogFile = join(folder, 'keys.log');
  const recorder = new CaptureRecorder();
  try {
    await Promise.all(names.map((name) => play(name, { recorder, keyLogFile, isSmall }, seed)));
    writeFileSync(captureFile, recorder.bytes());
    readFileSync(keyLogFile, { flag: 'a+' });
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  const { packets } = recorder;
  return { captureFile, keyLogFile, packets, remove: () => rmSync(folder, { recursive: true }) };
}

function play(
  name: string,
  shared: Pick<SceneContext, 'recorder' | 'keyLogFile' | 'isSmall'>,
  seed: number,
): Promise<void> {
  const part = PARTS[name];
  if (part === undefined) throw new Error(`there is no part ${name}`);
  const number = 1 + Object.keys(PARTS).indexOf(name);
  const fate = part.line === 'bad' ? badLine(new SeededRandom(seed, number)) : goodLine;
  return part.scene({ ...shared, ends: sceneEnds(number, part.family ?? 4), fate });
}
