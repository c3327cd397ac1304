import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

/** The programs a build needs, as [what it is, command], that are not there. */
export function missingPrograms() {
  const wanted = [
    ['C++ compiler', process.env.CXX?.split(' ')[0] ?? 'g++'],
    ['make', process.env.MAKE ?? 'make'],
    ['Python', process.env.npm_config_python ?? process.env.PYTHON ?? 'python3'],
  ];
  return wanted.filter(([, command]) => findOnPath(command) === undefined);
}

/** The folder whose include/node has the headers of this very Node: nothing has to be downloaded then. */
export function findHeaders() {
  const folders = [
    process.env.npm_config_nodedir,
    resolve(dirname(realpathSync(process.execPath)), '..'),
    join(homedir(), '.cache/node-gyp', process.versions.node),
  ];
  return folders.find((folder) => folder && existsSync(join(folder, 'include/node/node_api.h')));
}

/**
 * The script of node-gyp. npm brings one along, wherever it is installed; other package managers put one on the PATH.
 */
export function findNodeGyp() {
  const npm = [
    process.env.npm_execpath && dirname(dirname(process.env.npm_execpath)),
    resolve(dirname(realpathSync(process.execPath)), '../lib/node_modules/npm'),
    ...['npm', 'node-gyp'].map((command) => {
      const file = findOnPath(command);
      return file && dirname(dirname(realpathSync(file)));
    }),
  ];
  return npm
    .flatMap((folder) => (folder ? ['node_modules/node-gyp', '.'].map((path) => join(folder, path)) : []))
    .map((folder) => join(folder, 'bin/node-gyp.js'))
    .find((script) => existsSync(script));
}

function findOnPath(command) {
  const folders = command.includes('/') ? [''] : (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, command)).find(isExecutable);
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
