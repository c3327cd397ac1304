import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileApplier, type Applied } from '../../../../../tools/kcpgate/upstream-check/file-applier.ts';
import { IncludeDirectory } from '../../../../../tools/kcpgate/upstream-check/include-directory.ts';
import type { FrontStates } from '../../../../../tools/kcpgate/upstream-check/include-text.ts';
import { INCLUDE_FILES } from '../../../../../tools/kcpgate/nginx/include-files.ts';
import { gatewayOf } from './simulated-front.ts';

const GATEWAYS = [gatewayOf(1), gatewayOf(2)];
const ALL_UP: FrontStates = new Map();
const UDP_DOWN: FrontStates = new Map([['udp', new Map([['gw-1', 'down' as const]])]]);
const TCP_DOWN: FrontStates = new Map([['tcp', new Map([['gw-1', 'down' as const]])]]);

interface Place {
  readonly path: string;
  readonly directory: IncludeDirectory;
  /** With shell scripts; `$1` is the folder. */
  apply(states: FrontStates, test?: string, reload?: string): Promise<Applied>;
  read(name: string): string;
  /** How often a script added a line to this file. */
  countOf(name: string): number;
}

function newPlace(): Place {
  const path = mkdtempSync(join(tmpdir(), 'kcpgate-include-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  const directory = new IncludeDirectory(path);
  const read = (name: string): string => readFileSync(join(path, name), 'utf8');
  return {
    ...{ path, directory, read },
    apply: (states, test = 'true', reload = 'echo >> "$1/reloads"') => {
      const command = (script: string): readonly string[] => ['sh', '-c', script, 'sh', path];
      const applier = new FileApplier({
        ...{ gateways: GATEWAYS, directory, commandTimeoutMs: 10_000 },
        testCommand: command(test),
        reloadCommand: command(reload),
      });
      return applier.apply(states, new Date(0));
    },
    countOf: (name) => (existsSync(join(path, name)) ? read(name).split('\n').length - 1 : 0),
  };
}

/** No more than the files themselves, and what scripts wrote. */
function expectTidy({ path }: Place): void {
  const others = readdirSync(path).filter((name) => !INCLUDE_FILES.includes(name) && name !== 'reloads');
  expect(others).toEqual([]);
}

describe('include files', () => {
  it('are written, tested, and nginx is told', async () => {
    const place = newPlace();
    const applied = await place.apply(UDP_DOWN, 'grep -q "1 kcpgate_udp_pool;" "$1/owners-udp.inc"');
    expect(applied).toMatchObject({ result: 'done', hasSucceeded: true, needsReload: false, detail: '' });
    expect(applied.files).toEqual(place.directory.read());
    expect([...applied.files.keys()].sort()).toEqual([...INCLUDE_FILES].sort());
    expect(place.read('owners-udp.inc')).toContain('kcpgate upstream-check, 1970-01-01T00:00:00.000Z');
    expect(place.countOf('reloads')).toBe(1);
    expectTidy(place);
  });

  it('that nginx was told are not told again because that cannot be noted', async () => {
    const place = newPlace();
    await place.apply(ALL_UP);
    // Nobody can remove it like a file.
    mkdirSync(join(place.path, 'upstream-check.untold'));
    expect(await place.apply(ALL_UP)).toMatchObject({ result: 'done', needsReload: false });
    expect(place.countOf('reloads')).toBe(2);
  });

  it('that nginx does not take are put back as they were, byte by byte', async () => {
    const place = newPlace();
    await place.apply(ALL_UP);
    const before = place.directory.read();
    const applied = await place.apply(
      UDP_DOWN,
      'grep -q udp_pool "$1/owners-udp.inc" && echo "[emerg] bad" >&2; false',
    );
    expect(applied).toMatchObject({ result: 'test_failed', hasSucceeded: false, needsReload: false });
    expect(applied.detail).toBe(
      'exit code 1: [emerg] bad (the files before do not pass either: the fault lies elsewhere)',
    );
    expect(place.directory.read()).toEqual(before);
    expect(place.countOf('reloads')).toBe(1);
    expectTidy(place);
    const next = await place.apply(UDP_DOWN, '! grep -q udp_pool "$1/owners-udp.inc"');
    expect(next.detail).toBe('exit code 1');
    expect(place.directory.read()).toEqual(before);
  });

  it('that cannot be written are as they were', async () => {
    const place = newPlace();
    await place.apply(ALL_UP);
    const before = place.directory.read();
    const inTheWay = join(place.path, `.owners-http.inc.${String(process.pid)}.upstream-check`);
    mkdirSync(inTheWay);
    const failed = await place.apply(UDP_DOWN);
    expect(failed).toMatchObject({ result: 'write_failed', hasSucceeded: false, needsReload: false });
    expect(failed.detail).toMatch(/directory/);
    rmSync(inTheWay, { recursive: true });
    expect(place.directory.read()).toEqual(before);
    expect(place.countOf('reloads')).toBe(1);
    expectTidy(place);
  });

  it('in a folder that is gone are a failure, not an end', async () => {
    const place = newPlace();
    rmSync(place.path, { recursive: true });
    expect(await place.apply(ALL_UP)).toMatchObject({ result: 'write_failed', files: new Map() });
  });

  it('of which nginx was not told are told later, also by another process', async () => {
    const place = newPlace();
    await place.apply(ALL_UP);
    const failed = await place.apply(UDP_DOWN, 'true', 'echo "invalid PID number" >&2; exit 1');
    expect(failed).toMatchObject({
      ...{ result: 'reload_failed', hasSucceeded: false, needsReload: true },
      detail: 'exit code 1: invalid PID number',
    });
    expect(place.read('owners-udp.inc')).toContain('1 kcpgate_udp_pool;');
    const later = new IncludeDirectory(place.path);
    expect(later.isUntold).toBe(true);
    const written = place.directory.read();
    expect(await place.apply(UDP_DOWN)).toMatchObject({ result: 'done', needsReload: false });
    // They were right already.
    expect(place.directory.read()).toEqual(written);
    expectTidy(place);
  });

  it('lead back to what passed the test last when a process died before it knew', async () => {
    const place = newPlace();
    await place.apply(ALL_UP);
    const good = place.directory.read();
    place.directory.write(new Map([...good].map(([name]) => [name, 'what nginx does not take\n'])));
    writeFileSync(join(place.path, '.pool-udp.inc.1.upstream-check'), 'left behind');
    const failed = await place.apply(TCP_DOWN, 'false');
    expect(failed).toMatchObject({ result: 'test_failed', needsReload: true });
    expect(place.directory.read()).toEqual(good);
    expect(await place.apply(TCP_DOWN)).toMatchObject({ result: 'done' });
    expectTidy(place);
  });
});
