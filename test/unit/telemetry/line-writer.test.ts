import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LineWriter } from '../../../src/telemetry/line-writer.ts';
import { untilTrue } from '../../contract/loopback.ts';

describe.runIf(process.platform === 'linux')('LineWriter', () => {
  let folder: string;
  let pipe: number;

  /** Both ends of a pipe in one descriptor: what is written can be read, and a full pipe refuses. */
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kcpgate-line-'));
    execFileSync('/usr/bin/mkfifo', [join(folder, 'pipe')]);
    pipe = openSync(join(folder, 'pipe'), constants.O_RDWR | constants.O_NONBLOCK);
  });
  afterEach(() => {
    closeSync(pipe);
    rmSync(folder, { recursive: true });
  });

  function readAll(): string {
    const chunk = Buffer.alloc(1024 * 1024);
    let text = '';
    for (;;) {
      try {
        text += chunk.toString('utf8', 0, readSync(pipe, chunk));
      } catch {
        return text;
      }
    }
  }

  const lineOf = (index: number, length = 1000): string => `${String(index)} ${'x'.repeat(length)}\n`;

  it('keeps lines that a full pipe does not take, in order and whole, and writes them when there is room', async () => {
    const writer = new LineWriter(pipe);
    // Longer than a pipe takes in one piece, so that some lines are cut.
    const lines = Array.from({ length: 60 }, (_, index) => lineOf(index, 10_000));
    for (const line of lines) writer.write(line);
    let text = readAll();
    expect(text.length).toBeLessThan(300_000);
    await untilTrue(() => {
      text += readAll();
      return writer.stats().writtenLines === 60;
    });
    text += readAll();
    expect(text === lines.join('')).toBe(true);
    writer.close();
  });

  it('drops and counts lines beyond its bound', () => {
    const writer = new LineWriter(pipe);
    for (let index = 0; index < 3000; index += 1) writer.write(lineOf(index));
    const dropped = writer.stats().droppedLines;
    expect(dropped).toBeGreaterThan(1500);
    writer.close();
    expect(writer.stats().droppedLines).toBeGreaterThan(dropped);
    expect(writer.stats().droppedLines + writer.stats().writtenLines).toBe(3000);
  });

  it('counts what a full disk refuses and goes on', () => {
    const writer = new LineWriter('/dev/full');
    writer.write('a\n');
    writer.write('b\n');
    expect(writer.stats()).toEqual({ writtenLines: 0, droppedLines: 2 });
    writer.close();
  });

  it('leaves a descriptor open that it was given', () => {
    const writer = new LineWriter(pipe);
    writer.close();
    expect(() => readAll()).not.toThrow();
    new LineWriter(pipe).write('still\n');
    expect(readAll()).toBe('still\n');
  });
});
