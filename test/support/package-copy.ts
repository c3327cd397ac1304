import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Files that begin with a dot come and go: locks of builds, and what is not written to its end. */
const isLasting = (path: string): boolean => !basename(path).startsWith('.');

/** A copy of what the package is built from, with what was compiled; dependencies are those of the original. */
export class PackageCopy {
  readonly folder = mkdtempSync(join(tmpdir(), 'kcpgate-copy-'));

  constructor() {
    for (const name of [
      'package.json',
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'dist',
      'docs',
      'nginx',
      'src',
      'tools',
    ]) {
      cpSync(join(ROOT, name), join(this.folder, name), { recursive: true, filter: isLasting });
    }
    const generated = /native-bindings\/(?:build|prebuilds|build-error\.log)/;
    cpSync(join(ROOT, 'native-bindings'), join(this.folder, 'native-bindings'), {
      recursive: true,
      filter: (path) => !generated.test(path),
    });
    symlinkSync(join(ROOT, 'node_modules'), join(this.folder, 'node_modules'), 'dir');
  }

  /** Path of something in the copy. */
  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
