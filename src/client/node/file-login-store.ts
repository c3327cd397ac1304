import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GatewayError } from '../../base/errors.ts';
import { fromSystemError, type SystemErrorLike } from '../../base/node-error.ts';
import type { LoginStore } from '../sdk/login-store.ts';

/**
 * Keeps the last login and the best line in a file that only its owner can read; a file that others can read, or that is
 * somebody else's, is not used. Writing replaces it in one step.
 * @param path its folder is made when it is missing.
 */
export function fileLoginStore(path: string): LoginStore {
  return {
    get: () => read(path),
    set: async (text) => {
      try {
        await replace(path, text);
      } catch (error) {
        throw fromSystemError(error as SystemErrorLike);
      }
    },
  };
}

async function read(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { mode, uid, size } = await file.stat();
      // Where there are no such modes and owners, the folder of the user protects it.
      const isOwn = process.getuid === undefined || (uid === process.getuid() && (mode & 0o077) === 0);
      if (!isOwn) throw new GatewayError('permission_denied', `${path} is not its owner's alone`);
      if (size > MAX_BYTES) return undefined;
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    if ((error as SystemErrorLike).code === 'ENOENT') return undefined;
    throw fromSystemError(error as SystemErrorLike);
  }
}

async function replace(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomUUID()}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

const MAX_BYTES = 2 * 1024 * 1024;
