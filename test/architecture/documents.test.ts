import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const filesIn = (folder: string, extension: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(extension))
    .map((name) => join(folder, name));

const DOCUMENTS = [
  ...filesIn('docs', '.md'),
  ...filesIn('nginx', '.md'),
  ...filesIn('tools/wireshark', '.md'),
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
];

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** The text of a document without what is code in it. */
const proseOf = (text: string): string =>
  text.replaceAll(/^```[^]*?^```$/gmu, '').replaceAll(/`[^`\n]*`/gu, '');

/** The names by which headings can be linked, as GitHub makes them. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replaceAll(/^```[^]*?^```$/gmu, '').matchAll(/^#+ (.+)$/gmu);
  return new Set(
    [...headings].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe('documents', () => {
  test.each(DOCUMENTS)('every link of %s leads somewhere', (file) => {
    const links = [...proseOf(read(file)).matchAll(/\]\(([^)\s]+)\)/gu)].map(([, link]) => link!);
    const lost = links.filter((link) => {
      if (/^[a-z]+:/u.test(link)) return false;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? file : relative(ROOT, join(ROOT, dirname(file), path));
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && target.endsWith('.md') && !anchorsOf(read(target)).has(anchor);
    });
    expect(lost).toEqual([]);
  });

  test('every example is named by one of them', () => {
    const text = DOCUMENTS.map(read).join('');
    const unnamed = readdirSync(join(ROOT, 'examples')).filter((name) => !text.includes(`examples/${name}`));
    expect(unnamed).toEqual([]);
  });

  test('the document on tests has every variable that tests read', () => {
    const used = filesIn('test', '.ts').flatMap((file) =>
      [...read(file).matchAll(/\benv\.(KCPGATE_\w+)/gu)].map(([, name]) => name!),
    );
    const rows = [...read('docs/testing.md').matchAll(/^\| `(KCPGATE_\w+)/gmu)].map(([, name]) => name!);
    expect(rows.toSorted()).toEqual([...new Set(used)].toSorted());
  });
});
