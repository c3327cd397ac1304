import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The kcp-go program of this repository, built. */
export interface KcpGoPeer {
  readonly executable: string;
  /** Removes what was built. */
  remove(): void;
}

/**
 * Builds the kcp-go peer from the sources of the repository.
 * @throws Error that says what is missing: the repository, Go, or the library.
 */
export async function buildKcpGoPeer(): Promise<KcpGoPeer> {
  const sources = findSources();
  if (sources === undefined) {
    throw new Error(
      '--peer kcp-go needs a checkout of the kcpgate repository: test/peers/kcp-go is not here',
    );
  }
  if (!existsSync(LIBRARY_FOLDER)) {
    throw new Error(`--peer kcp-go needs the library kcp-go in ${LIBRARY_FOLDER}: run tools/setup-peers.sh`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'kcpgate-bench-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const executable = join(folder, 'kcp-go-peer');
  try {
    await promisify(execFile)('go', ['build', '-o', executable, '.'], {
      cwd: sources,
      timeout: BUILD_TIMEOUT_MS,
      env: { ...process.env, GO111MODULE: 'off', GOFLAGS: '', GOPATH: GO_PATH },
    });
    return { executable, remove };
  } catch (error) {
    remove();
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    const reason = isMissing ? 'the go command is not in PATH: run tools/setup-peers.sh' : String(error);
    throw new Error(`--peer kcp-go cannot be built: ${reason}`, { cause: error });
  }
}

/** The folder of the Go program, in the checkout this file lies in or was compiled in. */
function findSources(): string | undefined {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const sources = join(folder, 'test', 'peers', 'kcp-go');
    if (existsSync(join(sources, 'main.go'))) return sources;
    if (folder === dirname(folder)) return undefined;
  }
}

const GO_PATH = '/usr/share/gocode';
const LIBRARY_FOLDER = `${GO_PATH}/src/github.com/xtaci/kcp-go`;
const BUILD_TIMEOUT_MS = 180_000;
