import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect, createClient, type Connection } from '../../src/client/node/index.ts';
import { CaptureReader } from '../../tools/kcpgate/inspect/capture/read-capture.ts';
import { Examiner } from '../../tools/kcpgate/inspect/examine/examiner.ts';
import { parseKeyLog } from '../../tools/kcpgate/inspect/key-log.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { CaptureRecorder } from '../support/captures/capture-recorder.ts';
import { startRecordingUdp } from '../support/captures/recording-udp.ts';
import { sceneEnds } from '../support/captures/scene.ts';
import { startLoginGateway } from '../support/login-gateway.ts';
import { convOf } from './login-workers.ts';

let folder: string;
const closers: (() => unknown)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kcpgate-key-log-'));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  rmSync(folder, { recursive: true });
});

/** Lines without what a session that never opened leaves behind. */
const linesOf = (file: string): string[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');

/** What both ends must have: the keys of sessions that opened. */
const sessionKeys = (lines: readonly string[]): string[] =>
  lines.filter((line) => !line.startsWith('KCPGATE_EARLY')).sort();

test('both ends write the same keys, and either file opens what was captured', async () => {
  const [gatewayFile, clientFile] = [join(folder, 'gateway.log'), join(folder, 'client.log')];
  const logLines: string[] = [];
  const log = createLog({ level: 'trace', format: 'json', write: (line) => void logLines.push(line) });
  const recorder = new CaptureRecorder();
  const relay = await startRecordingUdp({ recorder, ...sceneEnds(1, 4) });
  closers.push(() => relay.close());
  const { gateway, loginUrl, ports } = await startLoginGateway({
    workers: 1,
    login: `key_log_file: "${gatewayFile}", lines: [ { id: udp, transport: udp, host: 127.0.0.1, port: ${String(relay.port)} } ]`,
    logger: log.logger,
  });
  closers.push(() => gateway.stop());
  relay.target = ports.udp;

  const connection = await connect({ loginUrl, keyLogFile: clientFile, logger: log.logger });
  const client = createClient({ loginUrl, keyLogFile: clientFile, logger: log.logger });
  closers.push(() => client.destroy());
  const session = await client.connect();
  for (const sender of [connection, session]) {
    sender.send(Buffer.from('a secret that nobody is to read'));
    for await (const message of sender) {
      expect(Buffer.from(message).toString()).toBe('a secret that nobody is to read');
      break;
    }
    await sender.close();
  }
  await gateway.stop();

  expect(statSync(gatewayFile).mode & 0o777).toBe(0o600);
  expect(statSync(clientFile).mode & 0o777).toBe(0o600);
  const [ofGateway, ofClient] = [linesOf(gatewayFile), linesOf(clientFile)];
  expect(sessionKeys(ofClient)).toHaveLength(4);
  expect(sessionKeys(ofGateway)).toEqual(expect.arrayContaining(sessionKeys(ofClient)));

  const capture = recorder.bytes();
  for (const file of [gatewayFile, clientFile]) {
    const { opened, unopened, text } = readCapture(capture, readFileSync(file, 'utf8'));
    expect(unopened).toBe(0);
    expect(opened).toBeGreaterThan(10);
    expect(text).toContain('a secret that nobody is to read');
  }
  const without = readCapture(capture, '');
  expect(without.opened).toBe(0);
  expect(without.text).not.toContain('secret');

  // Everybody is told, and no key is.
  log.flush();
  const logged = logLines.join('\n');
  expect(logged.match(/keys are logged: who has the file can read all sessions/g)?.length).toBeGreaterThan(2);
  for (const line of [...ofGateway, ...ofClient]) expect(logged).not.toContain(line.slice(-56));
});

function readCapture(
  capture: Uint8Array,
  keys: string,
): { readonly opened: number; readonly unopened: number; readonly text: string } {
  const examiner = new Examiner({ keyLog: parseKeyLog(keys) });
  const result = { opened: 0, unopened: 0, text: '' };
  const reader = new CaptureReader({
    sink: (found) => {
      const { kind, clear, clearAt, clearLength } = examiner.examine(found);
      if (kind !== 'sealed' && kind !== 'handshake') return;
      if (clear === null) {
        result.unopened++;
        return;
      }
      result.opened++;
      result.text += Buffer.from(clear.subarray(clearAt, clearAt + clearLength)).toString('latin1');
    },
  });
  reader.push(capture);
  reader.finish();
  return result;
}

test('a gateway with several workers writes whole lines of all of them', { timeout: 60_000 }, async () => {
  const keyLogFile = join(folder, 'gateway.log');
  const { gateway, loginUrl } = await startLoginGateway({
    workers: 2,
    login: `key_log_file: "${keyLogFile}", logins_per_second_per_source: 1000`,
  });
  closers.push(() => gateway.stop());
  const open = (): Promise<Connection> => connect({ loginUrl, line: 'udp' });
  const connections = await Promise.all(Array.from({ length: 12 }, open));
  const workersOf = (): Set<number> => new Set(connections.map((connection) => convOf(connection) % 2));
  // Chance says which worker a session is at: of 2048 runs, one has twelve at the same. All of 60 are in one of 2 ** 59.
  while (workersOf().size < 2 && connections.length < 60) connections.push(await open());
  await Promise.all(connections.map((connection) => connection.close()));
  await gateway.stop();
  const log = parseKeyLog(readFileSync(keyLogFile, 'utf8'));
  expect(log.counters.badLines).toBe(0);
  const convs = connections.map(convOf);
  expect(workersOf()).toEqual(new Set([0, 1]));
  for (const conv of convs) {
    for (const purpose of ['early', 'client', 'server'] as const)
      expect(log.keysOf(conv, purpose)).toHaveLength(1);
  }
});

test('a gateway does not start without a file that it is to write', async () => {
  await expect(startLoginGateway({ login: `key_log_file: "${folder}"`, workers: 1 })).rejects.toThrow(
    'cannot open the key log: EISDIR',
  );
  expect(() => createClient({ loginUrl: 'http://127.0.0.1:1/', keyLogFile: folder })).toThrow(
    'cannot open the key log: EISDIR',
  );
});
