import type { ConfigTree } from './config-tree.ts';
import type { ConfigIssue, ConfigPath } from './issue.ts';
import { formatPath } from './issue.ts';
import { fieldsOf, keysAt } from './schema-field.ts';
import { CONFIG_SCHEMA } from './schema.ts';
import { otherWayPath } from './setting.ts';
import type { TextFile } from './text-file.ts';

/** Most bytes of a file that a key names. */
const MAX_FILE_BYTES = 1024 * 1024;

/** What the files that keys name hold. */
export class NamedFiles {
  readonly #texts = new Map<string, string>();

  add(path: ConfigPath, text: string): void {
    this.#texts.set(formatPath(path), text);
  }

  /** The text of the file that is named by the key at a path; undefined when it names none that could be read. */
  textAt(path: ConfigPath): string | undefined {
    return this.#texts.get(formatPath(path));
  }
}

/**
 * Reads every file that is named by a key. Where the value itself could have been written instead (`admin_token` for
 * `admin_token_file`) the text becomes that value, without white space at its ends. Adds what is wrong to `issues`.
 */
export function readNamedFiles(
  tree: ConfigTree,
  readFile: (path: string, maxBytes: number) => TextFile,
  issues: ConfigIssue[],
): NamedFiles {
  const files = new NamedFiles();
  for (const { path, meta } of fieldsOf(CONFIG_SCHEMA, tree.root)) {
    const name = meta.file === true && !tree.isBroken(path) ? tree.at(path) : undefined;
    if (typeof name !== 'string' || name === '') continue;
    const fail = (message: string): void => {
      issues.push(tree.issue(path, message));
      tree.markBroken(path);
    };
    const inline = otherWayPath(path);
    const hasInline = keysAt(CONFIG_SCHEMA, tree.root, path.slice(0, -1))?.includes(String(inline.at(-1)));
    if (hasInline === true && (tree.at(inline) ?? null) !== null) {
      fail(`only one of "${String(inline.at(-1))}" and "${String(path.at(-1))}" can be given`);
      continue;
    }
    const file = readFile(name, MAX_FILE_BYTES);
    if (!file.ok) fail(`cannot read ${JSON.stringify(name)}: ${file.error}`);
    else if (hasInline === true) tree.set(inline, file.text.trim(), tree.origin(path));
    else files.add(path, file.text);
  }
  return files;
}
