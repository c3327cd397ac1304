import { Session, type HeapProfiler, type Runtime } from 'node:inspector';

/** What one function allocated while the sampler ran. */
export interface AllocationSite {
  /** Function name, file and line. */
  readonly place: string;
  readonly bytes: number;
}

/**
 * Samples every allocation of this process with V8's heap profiler, whether or not the object is still alive at the end.
 * A sample is taken every `SAMPLE_INTERVAL_BYTES` on average, so small figures are estimates.
 */
export class HeapSampler {
  private readonly session = new Session();

  async start(): Promise<void> {
    this.session.connect();
    const options = {
      samplingInterval: SAMPLE_INTERVAL_BYTES,
      // Otherwise only what survives is told; on a packet path nothing should survive, and nothing be made either.
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    };
    await new Promise<void>((resolve, reject) => {
      this.session.post('HeapProfiler.startSampling', options, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  /** Ends the sampling. @returns the places that allocated, the largest first. */
  async stop(): Promise<AllocationSite[]> {
    const profile = await new Promise<HeapProfiler.SamplingHeapProfile>((resolve, reject) => {
      this.session.post('HeapProfiler.stopSampling', (error, { profile: taken }) => {
        if (error === null) resolve(taken);
        else reject(error);
      });
    });
    this.session.disconnect();
    const bytesByPlace = new Map<string, number>();
    addNode(profile.head, '', bytesByPlace);
    return [...bytesByPlace]
      .map(([place, bytes]) => ({ place, bytes }))
      .sort((left, right) => right.bytes - left.bytes);
  }
}

function addNode(
  node: HeapProfiler.SamplingHeapProfileNode,
  caller: string,
  bytesByPlace: Map<string, number>,
): void {
  const place = placeOf(node.callFrame, caller);
  if (node.selfSize > 0) bytesByPlace.set(place, (bytesByPlace.get(place) ?? 0) + node.selfSize);
  for (const child of node.children) addNode(child, place, bytesByPlace);
}

/** A built-in function says little without the one that called it. */
function placeOf({ functionName, url, lineNumber }: Runtime.CallFrame, caller: string): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  const file = url.replace(/^.*\/dist\//, '').replace(/^file:\/\//, '');
  return file === '' ? `${name} < ${caller}` : `${name} ${file}:${lineNumber + 1}`;
}

const SAMPLE_INTERVAL_BYTES = 256;
