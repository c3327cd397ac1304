import type { SeededRandom } from '../../../src/base/seeded-random.ts';
import type { FlowEnd } from '../../../tools/kcpgate/inspect/found-datagram.ts';
import type { CaptureRecorder } from './capture-recorder.ts';
import type { RecordedFate } from './recording-udp.ts';

/** What a scene is played with. */
export interface SceneContext {
  readonly recorder: CaptureRecorder;
  /** How both ends look in the capture; no other scene has them. */
  readonly ends: { readonly client: FlowEnd; readonly server: FlowEnd };
  /** Of datagrams on a bad line. */
  readonly fate: (fromClient: boolean, index: number) => RecordedFate;
  /** Where gateway and client write their keys. */
  readonly keyLogFile: string;
  /** Only as much as shows everything: some ten packets. */
  readonly isSmall: boolean;
}

/** Traffic of one kind. */
export type Scene = (context: SceneContext) => Promise<void>;

/** A line that loses 4 % (half of it before it is captured), repeats 1 % and lets 2 % come late, behind the first datagrams. */
export function badLine(random: SeededRandom): SceneContext['fate'] {
  return (_fromClient, index) => {
    const share = (random.nextUint32() / 2 ** 32) * 100;
    if (index < 3 || share >= 7) return 'pass';
    if (share < 2) return 'lost_before';
    if (share < 4) return 'lost_behind';
    return share < 5 ? 'twice' : 'late';
  };
}

/** A line on which nothing happens. */
export const goodLine: SceneContext['fate'] = () => 'pass';

/** The ends of the scene with that number. */
export function sceneEnds(number: number, family: 4 | 6): SceneContext['ends'] {
  const [client, server] =
    family === 4
      ? [`10.${String(number)}.0.1`, `192.0.2.${String(number)}`]
      : [`2001:db8:${number.toString(16)}::1`, `2001:db8::${number.toString(16)}`];
  return { client: { address: client, port: 0 }, server: { address: server, port: 4000 } };
}
