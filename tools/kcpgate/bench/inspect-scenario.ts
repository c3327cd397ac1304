import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCapture } from './inspect-capture.ts';
import type { LoadOptions } from './load-options.ts';
import type { Measures } from './measure.ts';

/** A program that reads the capture. */
export interface InspectContender {
  readonly name: string;
  readonly command: readonly string[];
}

/** Programs that read one large capture, which is made for the first of them and deleted in the end. */
export class InspectBench {
  readonly contenders: readonly InspectContender[];
  readonly #load: LoadOptions;
  #folder: string | undefined;
  #bytes = 0;

  constructor(load: LoadOptions) {
    this.#load = load;
    this.contenders = [
      { name: 'kcpgate', command: [...ownWords(), 'inspect', '--stats', FILE] },
      ...tsharkContenders(),
    ];
  }

  /**
   * How fast a program goes through the capture, its start included, and the most memory it had (Linux).
   * @throws Error when it fails or takes too long.
   */
  async run({ command }: InspectContender): Promise<Measures> {
    const file = this.#file();
    const began = performance.now();
    const peakBytes = await runToEnd(
      command.map((word) => (word === FILE ? file : word)),
      Math.max(this.#load.timeoutMs, MIN_TIMEOUT_MS),
    );
    const seconds = (performance.now() - began) / 1000;
    const speed = { captureMegabytesPerSecond: this.#bytes / 1e6 / seconds };
    return peakBytes === 0 ? speed : { ...speed, peakMib: peakBytes / 1024 / 1024 };
  }

  /** Deletes the capture. */
  close(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  #file(): string {
    if (this.#folder === undefined) {
      this.#folder = mkdtempSync(join(tmpdir(), 'kcpgate-bench-'));
      const { captureMegabytes, seed } = this.#load;
      this.#bytes = makeCapture(join(this.#folder, 'capture.pcap'), captureMegabytes * 1e6, seed).bytes;
    }
    return join(this.#folder, 'capture.pcap');
  }
}

/** What runs this very program. */
function ownWords(): string[] {
  return [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
}

/** None where it is not installed; with our dissector where that is at hand, which is in a checkout. */
function tsharkContenders(): InspectContender[] {
  if (!isInstalled('tshark')) return [];
  const counting = ['-n', '-q', '-z', 'io,stat,0', '-r', FILE];
  const plain = { name: 'tshark', command: ['tshark', ...counting] };
  const script = DISSECTORS.map((path) => fileURLToPath(new URL(path, import.meta.url))).find(existsSync);
  if (script === undefined) return [plain];
  const command = ['tshark', '-X', `lua_script:${script}`, ...counting];
  return [plain, { name: 'tshark with kcpgate.lua', command }];
}

function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

/** @returns the largest resident memory in bytes; 0 where that is not told. */
async function runToEnd(command: readonly string[], timeoutMs: number): Promise<number> {
  const [program = '', ...words] = command;
  const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'pipe'], timeout: timeoutMs });
  let said = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (said = (said + text).slice(-MAX_SAID_LENGTH)));
  let peakBytes = 0;
  const timer = setInterval(() => (peakBytes = Math.max(peakBytes, peakOf(child.pid))), SAMPLE_MS);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) throw new Error(`${program} ended with ${code ?? 'a signal'}: ${said.trim()}`);
  } finally {
    clearInterval(timer);
  }
  return peakBytes;
}

/** The kernel keeps the maximum, so only what comes after the last look is missed. */
function peakOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid ?? 0}/status`, 'latin1');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Stands for the name of the capture. */
const FILE = '{capture}';
/** Seen from the sources, and from what is compiled. */
const DISSECTORS = ['../../wireshark/kcpgate.lua', '../../../../tools/wireshark/kcpgate.lua'];
const MIN_TIMEOUT_MS = 600_000;
const SAMPLE_MS = 20;
const MAX_SAID_LENGTH = 2000;
