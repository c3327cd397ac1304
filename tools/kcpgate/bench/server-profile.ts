import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, closeSync } from 'node:fs';
import { join } from 'node:path';

/** Profiles the server of one run and leaves files behind. */
export interface ServerProfile {
  /** For the server, when it is a Node program. */
  readonly nodeOptions: readonly string[];
  /** The measured part begins. */
  begin(pid: number): Promise<void>;
  /** The measured part is over; the server is still there. */
  end(): Promise<void>;
}

/**
 * A profile by `perf`, kernel included, of the measured part; on a machine without `perf`, V8's own of the whole life of
 * the server.
 * @param folder is made when it is not there. @param name of the files, without extension.
 */
export function profileServer(folder: string, name: string): ServerProfile {
  mkdirSync(folder, { recursive: true });
  return perfWorks() ? new PerfProfile(join(folder, name)) : v8Profile(folder, name);
}

class PerfProfile implements ServerProfile {
  /** V8 tells perf the names of what it compiles, in /tmp/perf-<pid>.map. */
  readonly nodeOptions = ['--perf-basic-prof', '--interpreted-frames-native-stack'];
  private readonly path: string;
  private recorder: ChildProcess | undefined;

  constructor(path: string) {
    this.path = path;
  }

  async begin(pid: number): Promise<void> {
    const options = ['record', '-F', '4999', '-g', '-o', `${this.path}.perf.data`, '-p', String(pid)];
    this.recorder = spawn('perf', options, { stdio: 'ignore' });
    await once(this.recorder, 'spawn');
  }

  async end(): Promise<void> {
    if (this.recorder === undefined) return;
    const recorded = once(this.recorder, 'close');
    this.recorder.kill('SIGINT');
    await recorded;
    this.recorder = undefined;
    // Now, while the names in /tmp are there.
    const text = openSync(`${this.path}.perf.txt`, 'w');
    try {
      spawnSync('perf', ['script', '-i', `${this.path}.perf.data`, '-F', 'comm,tid,time,event,ip,sym,dso'], {
        stdio: ['ignore', text, 'ignore'],
      });
    } finally {
      closeSync(text);
    }
  }
}

function v8Profile(folder: string, name: string): ServerProfile {
  return {
    nodeOptions: ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-name=${name}.cpuprofile`],
    begin: () => Promise.resolve(),
    end: () => Promise.resolve(),
  };
}

/** The program may be there and the kernel may forbid it. */
function perfWorks(): boolean {
  const trial = spawnSync('perf', ['record', '-g', '-o', '/dev/null', '--', 'true'], { stdio: 'ignore' });
  return trial.status === 0;
}
