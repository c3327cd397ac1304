import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { INCLUDE_FILES } from '../nginx/include-files.ts';

/**
 * The folder with the include files of nginx. Every file is at any time either as it was or as it is to be: it is written
 * beside its place, brought to disk and renamed. Beside new files stay the ones before them, as `<name>.before`, until
 * somebody says that the new ones are good ({@link keep}) or not ({@link restore}): putting them back takes no room on disk.
 * Everything throws what the system says.
 */
export class IncludeDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The include files by name, without those that are missing. */
  read(): ReadonlyMap<string, string> {
    const present = INCLUDE_FILES.filter((name) => existsSync(this.#at(name)));
    return new Map(present.map((name) => [name, readFileSync(this.#at(name), 'utf8')]));
  }

  /** Whether nginx may have been told something else than stands in the files. */
  get isUntold(): boolean {
    return existsSync(this.#at(MARK));
  }

  /** Writes all files; none is changed when there is no room. They count as not told until {@link told}. */
  write(files: ReadonlyMap<string, string>): void {
    this.#removeTemporary();
    this.#writeTemporary(MARK, 'The include files were changed and nginx may not have been told.\n');
    try {
      for (const [name, text] of files) this.#writeTemporary(name, text);
    } catch (error) {
      this.#removeTemporary();
      throw error;
    }
    renameSync(this.#temporary(MARK), this.#at(MARK));
    for (const name of files.keys()) {
      const before = this.#at(`${name}${BEFORE}`);
      // One that is there already is the last that was good.
      if (existsSync(this.#at(name)) && !existsSync(before)) linkSync(this.#at(name), before);
      renameSync(this.#temporary(name), this.#at(name));
    }
    this.#sync();
  }

  /** The files are good: there is no way back. */
  keep(): void {
    for (const name of INCLUDE_FILES) rmSync(this.#at(`${name}${BEFORE}`), { force: true });
  }

  /** Nginx knows them. */
  told(): void {
    rmSync(this.#at(MARK), { force: true });
  }

  /** Puts the files before the last {@link write} back, as far as there are any. */
  restore(): void {
    for (const name of INCLUDE_FILES) {
      const before = this.#at(`${name}${BEFORE}`);
      if (existsSync(before)) renameSync(before, this.#at(name));
    }
    this.#sync();
  }

  #at(name: string): string {
    return join(this.path, name);
  }

  #temporary(name: string): string {
    return this.#at(`.${name}.${String(process.pid)}${TEMPORARY}`);
  }

  #writeTemporary(name: string, text: string): void {
    const file = openSync(this.#temporary(name), 'w', 0o644);
    try {
      const bytes = Buffer.from(text);
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  /** Those of a process that died are removed, too. */
  #removeTemporary(): void {
    for (const name of readdirSync(this.path)) {
      if (name.startsWith('.') && name.endsWith(TEMPORARY)) rmSync(this.#at(name), { force: true });
    }
  }

  /** Renames count once the folder is on disk. */
  #sync(): void {
    const folder = openSync(this.path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}

const BEFORE = '.before';
const TEMPORARY = '.upstream-check';
/** It is there while nginx may know other files than there are, also when this process dies meanwhile. */
const MARK = 'upstream-check.untold';
