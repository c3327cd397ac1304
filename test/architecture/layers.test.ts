import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { cruise } from 'dependency-cruiser';
import type { ICruiseResult } from 'dependency-cruiser';
import extractConfiguration from 'dependency-cruiser/config-utl/extract-depcruise-config';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');

/** One import that a rule must refuse. `to` is a file of the tree, or a module name. */
interface Offence {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
}

const OFFENCES: readonly Offence[] = [
  { rule: 'layer-native-bindings', from: 'native-bindings/a.ts', to: 'src/base/target.ts' },
  { rule: 'layer-base', from: 'src/base/a.ts', to: 'src/wire/target.ts' },
  { rule: 'layer-base', from: 'src/base/b.ts', to: 'tools/kcpgate/target.ts' },
  { rule: 'layer-wire', from: 'src/wire/a.ts', to: 'src/kcp/target.ts' },
  { rule: 'layer-wire', from: 'src/wire/b.ts', to: 'src/telemetry/target.ts' },
  { rule: 'layer-kcp', from: 'src/kcp/a.ts', to: 'src/carrier/target.ts' },
  { rule: 'layer-kcp', from: 'src/kcp/b.ts', to: 'src/session/target.ts' },
  { rule: 'layer-carrier', from: 'src/carrier/a.ts', to: 'src/kcp/target.ts' },
  { rule: 'layer-carrier', from: 'src/carrier/node/b.ts', to: 'src/endpoint/target.ts' },
  { rule: 'layer-crypto', from: 'src/crypto/a.ts', to: 'src/carrier/target.ts' },
  { rule: 'layer-telemetry', from: 'src/telemetry/a.ts', to: 'src/carrier/target.ts' },
  { rule: 'layer-session', from: 'src/session/a.ts', to: 'src/endpoint/target.ts' },
  { rule: 'layer-session', from: 'src/session/b.ts', to: 'src/upstream/target.ts' },
  { rule: 'layer-upstream', from: 'src/upstream/a.ts', to: 'src/session/target.ts' },
  { rule: 'layer-endpoint', from: 'src/endpoint/a.ts', to: 'src/gateway/target.ts' },
  { rule: 'layer-qlog', from: 'src/qlog/a.ts', to: 'src/endpoint/target.ts' },
  { rule: 'layer-routing', from: 'src/routing/a.ts', to: 'src/session/target.ts' },
  { rule: 'layer-hub', from: 'src/hub/a.ts', to: 'src/endpoint/target.ts' },
  { rule: 'layer-client', from: 'src/client/a.ts', to: 'src/gateway/target.ts' },
  { rule: 'layer-gateway', from: 'src/gateway/a.ts', to: 'src/client/target.ts' },
  { rule: 'layer-gateway', from: 'src/gateway/b.ts', to: 'tools/kcpgate/target.ts' },
  { rule: 'folder-in-table', from: 'src/gateway/c.ts', to: 'src/helpers/target.ts' },
  { rule: 'library-entry-is-the-top', from: 'src/gateway/d.ts', to: 'src/index.ts' },
  { rule: 'pure-no-node', from: 'src/kcp/c.ts', to: 'node:fs' },
  { rule: 'pure-no-package', from: 'src/session/c.ts', to: 'shipped' },
  { rule: 'pure-no-runtime-folder', from: 'src/carrier/b.ts', to: 'src/carrier/node/target.ts' },
  { rule: 'pure-no-web', from: 'src/client/lines/a.ts', to: 'src/client/sdk/target.ts' },
  { rule: 'web-no-runtime-folder', from: 'src/client/sdk/a.ts', to: 'src/client/node/target.ts' },
  { rule: 'web-no-module', from: 'src/client/sdk/b.ts', to: 'node:net' },
  { rule: 'browser-no-node', from: 'src/client/browser/a.ts', to: 'src/carrier/node/target.ts' },
  { rule: 'browser-no-node-module', from: 'src/client/browser/b.ts', to: 'node:net' },
  { rule: 'node-no-browser', from: 'src/client/node/a.ts', to: 'src/client/browser/target.ts' },
  { rule: 'no-test-code', from: 'src/upstream/b.ts', to: 'test/target.ts' },
  { rule: 'no-cycle', from: 'src/gateway/cycle-a.ts', to: 'src/gateway/cycle-b.ts' },
  { rule: 'resolvable', from: 'src/gateway/e.ts', to: './nowhere.ts' },
  { rule: 'declared-dependencies', from: 'src/upstream/c.ts', to: 'development-only' },
];

/** Imports the table allows: nothing may be said about these files. */
const ALLOWED = [
  { from: 'src/kcp/good.ts', to: 'src/wire/target.ts' },
  { from: 'src/carrier/node/good.ts', to: 'src/carrier/target.ts' },
  { from: 'src/session/good.ts', to: 'src/kcp/target.ts' },
  { from: 'src/endpoint/good.ts', to: 'src/carrier/node/target.ts' },
  { from: 'src/gateway/good.ts', to: 'src/upstream/target.ts' },
  { from: 'src/client/sdk/good.ts', to: 'src/client/lines/target.ts' },
  { from: 'src/client/browser/good.ts', to: 'src/session/target.ts' },
  { from: 'src/upstream/good.ts', to: 'node:net' },
  { from: 'src/telemetry/good.ts', to: 'shipped' },
  { from: 'tools/kcpgate/good.ts', to: 'src/index.ts' },
] as const;

describe('the layer table', () => {
  const tree = temporaryFolder();
  let found: Map<string, Set<string>>;
  let ruleNames: string[];

  beforeAll(async () => {
    writeTree(tree.path);
    ({ found, ruleNames } = await cruiseTree(tree.path));
  });
  afterAll(tree.remove);

  test.each(OFFENCES)('$rule refuses $from -> $to', ({ rule, from }) => {
    expect(found.get(from)).toContain(rule);
  });

  test.each(ALLOWED)('allows $from -> $to', ({ from }) => {
    expect(found.get(from)).toBeUndefined();
  });

  test('has a deliberate offence for every rule', () => {
    expect([...new Set(OFFENCES.map(({ rule }) => rule))].sort()).toEqual([...ruleNames].sort());
  });
});

describe('tools/check-arch.mjs', () => {
  const tree = temporaryFolder();
  afterAll(tree.remove);

  test('fails when it sees too few modules, although no rule is broken', () => {
    cpSync(join(ROOT, 'tools/check-arch.mjs'), join(tree.path, 'tools/check-arch.mjs'));
    cpSync(join(ROOT, '.dependency-cruiser.cjs'), join(tree.path, '.dependency-cruiser.cjs'));
    symlinkSync(join(ROOT, 'node_modules'), join(tree.path, 'node_modules'));
    mkdirSync(join(tree.path, 'native-bindings'));
    writeSource(tree.path, 'src/base/only.ts', []);

    const { status, stderr } = runCheck(tree.path);

    expect(stderr).toContain('only 1 modules seen');
    expect(status).toBe(1);
  });

  test('passes on this repository', () => {
    const { status, stdout, stderr } = runCheck(ROOT);

    expect(stderr).toBe('');
    expect(stdout).toMatch(/^arch: \d+ modules \(floor \d+\), \d+ imports, 0 problems$/m);
    expect(status).toBe(0);
  });
});

function runCheck(root: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'tools/check-arch.mjs')], { encoding: 'utf8' });
}

/** Cruises `root` with the real rules: file -> names of the rules it breaks. */
async function cruiseTree(root: string): Promise<{ found: Map<string, Set<string>>; ruleNames: string[] }> {
  const { options, forbidden } = await extractConfiguration(join(ROOT, '.dependency-cruiser.cjs'));
  const { output } = await cruise(['src', 'tools', 'native-bindings'], {
    ...options,
    baseDir: root,
    validate: true,
    ruleSet: { forbidden: forbidden ?? [] },
  });
  const found = new Map<string, Set<string>>();
  for (const { from, rule } of (output as ICruiseResult).summary.violations) {
    found.set(from, (found.get(from) ?? new Set()).add(rule.name));
  }
  return { found, ruleNames: (forbidden ?? []).map((rule) => rule.name ?? '') };
}

function writeTree(root: string): void {
  const edges = [...OFFENCES, ...ALLOWED];
  for (const { to } of edges) if (isTreeFile(to)) writeSource(root, to, []);
  for (const { from, to } of edges) writeSource(root, from, [to]);
  writeSource(root, 'src/gateway/cycle-b.ts', ['src/gateway/cycle-a.ts']);
  writePackage(root, 'shipped');
  writePackage(root, 'development-only');
  writeFileSync(
    join(root, 'package.json'),
    JSON.stringify({
      name: 'fixture',
      dependencies: { shipped: '1.0.0' },
      devDependencies: { 'development-only': '1.0.0' },
    }),
  );
}

function writeSource(root: string, file: string, imports: readonly string[]): void {
  const lines = imports.map(
    (to) => `import { value as imported } from '${specifier(file, to)}';\nimported();`,
  );
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), [...lines, 'export const value = (): number => 1;', ''].join('\n'));
}

function writePackage(root: string, name: string): void {
  const folder = join(root, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name, version: '1.0.0', main: 'index.js', license: 'MIT' }),
  );
  writeFileSync(join(folder, 'index.js'), 'exports.value = () => 1;\n');
}

function specifier(from: string, to: string): string {
  if (!isTreeFile(to)) return to;
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}

function isTreeFile(to: string): boolean {
  return /^(src|tools|test|native-bindings)\//.test(to);
}

function temporaryFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'kcpgate-layers-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
