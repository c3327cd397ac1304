import { expect } from 'vitest';

/** Holds a text to the format that Prometheus reads (version 0.0.4): every line, every family once, histograms whole. */
export function expectExposition(text: string): void {
  expect(text.endsWith('\n')).toBe(true);
  const types = new Map<string, string>();
  const samples = new Set<string>();
  let family = '';
  for (const line of text.split('\n').slice(0, -1)) {
    if (line === '') continue;
    const header = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (header !== null) {
      const [, what, name = '', rest = ''] = header;
      if (what === 'TYPE') {
        expect(['counter', 'gauge', 'histogram', 'summary', 'untyped']).toContain(rest);
        expect(types.has(name), `${name} twice`).toBe(false);
        types.set(name, rest);
        family = name;
      }
      continue;
    }
    const sample = SAMPLE.exec(line);
    expect(sample, `not a sample: ${line}`).not.toBeNull();
    const [, name = '', labels = '', value = ''] = sample!;
    expect(name === family || (types.get(family) === 'histogram' && name.startsWith(family)), line).toBe(
      true,
    );
    expect(Number.isNaN(Number(value)), line).toBe(false);
    expect(samples.has(name + labels), `${line} twice`).toBe(false);
    samples.add(name + labels);
    if (types.get(family) === 'counter') expect(name).toMatch(/_total$/);
  }
  expect(types.size).toBeGreaterThan(5);
  for (const [name, type] of types) {
    if (type !== 'histogram') continue;
    const count = [...samples].filter((sample) => sample.startsWith(`${name}_count`)).length;
    const infinite = [...samples].filter((sample) => sample.startsWith(`${name}_bucket{le="+Inf"`)).length;
    expect(infinite).toBe(count);
  }
}

const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"`;
const SAMPLE = new RegExp(String.raw`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{${LABEL}(?:,${LABEL})*\})? (\S+)$`);
