import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const SRC = join(import.meta.dirname, '../../src');
const PROJECTS = [
  'tsconfig.pure.json',
  'tsconfig.web.json',
  'tsconfig.browser.json',
  'tsconfig.node.json',
] as const;

describe('the pure project', () => {
  const pure = readProject('tsconfig.pure.json');

  test('compiles code that only computes', () => {
    expect(compile(pure, 'export const twice = (bytes: Uint8Array): number => bytes.length * 2;')).toEqual(
      [],
    );
  });

  test.each([
    ['a timer', 'export const timer = setTimeout(() => undefined, 1);'],
    ['a microtask', 'queueMicrotask(() => undefined); export {};'],
    ['a Buffer', 'export const bytes = Buffer.alloc(1);'],
    ['the process', 'export const id = process.pid;'],
    ['the console', 'console.log(1); export {};'],
    ['a clock', 'export const now = performance.now();'],
    ['randomness of the platform', 'export const bytes = crypto.getRandomValues(new Uint8Array(1));'],
    ['the DOM', 'export const title = document.title;'],
    ['a Node module', "export { createSocket } from 'node:dgram';"],
  ])('refuses %s', (_, snippet) => {
    expect(compile(pure, snippet).join('\n')).toMatch(/Cannot find (name|module)/);
  });
});

test('every file of src belongs to exactly one project', () => {
  const owners = new Map(filesOf(SRC).map((file): [string, string[]] => [file, []]));
  for (const name of PROJECTS) {
    for (const file of readProject(name).fileNames)
      owners.get(relative(SRC, file).split(sep).join('/'))?.push(name);
  }
  const wrong = [...owners].filter(([, projects]) => projects.length !== 1);
  expect(Object.fromEntries(wrong)).toEqual({});
});

function readProject(name: (typeof PROJECTS)[number]): ts.ParsedCommandLine {
  const path = join(SRC, name);
  const { config } = ts.readConfigFile(path, (file) => ts.sys.readFile(file)) as { config: unknown };
  return ts.parseJsonConfigFileContent(config, ts.sys, SRC, {}, path);
}

/** Type-checks a snippet as if it were a file of `src/kcp`. Returns the error messages. */
function compile(project: ts.ParsedCommandLine, snippet: string): string[] {
  const file = join(SRC, 'kcp/purity-snippet.ts');
  const options: ts.CompilerOptions = { ...project.options, composite: false, noEmit: true };
  const host = ts.createCompilerHost(options);
  const readFromDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (name, languageVersion) =>
    name === file ? ts.createSourceFile(name, snippet, languageVersion) : readFromDisk(name, languageVersion);
  const program = ts.createProgram([file], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => file.split(sep).join('/'))
    .filter((file) => file.endsWith('.ts'));
}
