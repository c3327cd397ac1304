import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FileOutput } from '../../../src/qlog/file-output.ts';
import { resolveQlogOptions } from '../../../src/qlog/index.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { newDirectory } from './recorded.ts';

const nameOf = (day: number): string => `2026010${day}T000000000Z-00000001-gateway-1.sqlog`;

function outputOf(directory: string, maxFiles = 1000): { output: FileOutput; logger: RecordingLogger } {
  const logger = new RecordingLogger();
  return { output: new FileOutput(resolveQlogOptions({ directory, maxFiles }), logger), logger };
}

it('only the owner reads a file', async () => {
  const directory = await newDirectory();
  const { output } = outputOf(directory);
  output.append(output.create(nameOf(1)), 'text', 1);
  await output.flushed();
  expect((await stat(join(directory, nameOf(1)))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(directory, nameOf(1)), 'utf8')).toBe('text');
});

it('a file that had to make room does not come back without its beginning', async () => {
  const directory = await newDirectory();
  const { output, logger } = outputOf(directory, 1);
  const [first, second] = [output.create(nameOf(1)), output.create(nameOf(2))];
  output.append(first, 'more of it', 3);
  await output.flushed();
  expect(output.append(first, 'and more', 2)).toBe(false);
  output.append(second, 'text', 1);
  await output.flushed();
  expect(await readdir(directory)).toEqual([nameOf(2)]);
  expect(output.counters.dropped).toBe(5);
  expect(logger.records).toEqual([]);
});

it('writers of one directory keep so many files together', async () => {
  const directory = await newDirectory();
  for (let day = 1; day <= 4; day++) await writeFile(join(directory, nameOf(day)), '');
  const outputs = [outputOf(directory, 3).output, outputOf(directory, 3).output];
  await Promise.all(outputs.map((output) => output.flushed()));
  expect(await readdir(directory)).toHaveLength(3);
  for (const [i, output] of outputs.entries()) {
    output.create(nameOf(5 + i));
    await output.flushed();
  }
  expect((await readdir(directory)).sort()).toEqual([nameOf(4), nameOf(5), nameOf(6)]);
});

it('never writes into a file that somebody else began', async () => {
  const directory = await newDirectory();
  await writeFile(join(directory, nameOf(1)), 'of another');
  const { output, logger } = outputOf(directory);
  output.append(output.create(nameOf(1)), 'text', 1);
  await output.flushed();
  expect(await readFile(join(directory, nameOf(1)), 'utf8')).toBe('of another');
  expect(output.counters.dropped).toBe(1);
  expect(logger.records).toHaveLength(1);
});

it('what the disk does not take in time is dropped, and that is told once', async () => {
  const { output, logger } = outputOf(await newDirectory());
  const file = output.create(nameOf(1));
  const text = 'x'.repeat(8 * 1024 * 1024);
  expect([1, 2, 3, 4].map((records) => output.append(file, text, records))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(output.counters.dropped).toBe(7);
  expect(logger.records).toHaveLength(1);
  await output.flushed();
  expect(output.append(file, text, 1)).toBe(true);
  await output.flushed();
});
