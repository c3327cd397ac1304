/**
 * The layer table of docs/architecture.md as data, and the rules made from it.
 *
 * A folder may import itself and every folder of a lower layer; SIDEWAYS and BLIND below are the exceptions.
 */

/** Folder -> layer. An import goes to a lower number, never up. */
const LAYERS = {
  'native-bindings': 0,
  'src/base': 0,
  'src/wire': 1,
  'src/kcp': 1,
  'src/carrier': 1,
  'src/crypto': 1,
  'src/telemetry': 1,
  'src/session': 2,
  'src/upstream': 2,
  'src/endpoint': 3,
  'src/qlog': 3,
  'src/routing': 3,
  'src/hub': 3,
  'src/client': 4,
  'src/gateway': 4,
  tools: 5,
};

/** Imports inside one layer that are allowed. */
const SIDEWAYS = { 'src/kcp': ['src/wire'], 'src/carrier': ['src/wire'], 'src/crypto': ['src/wire'] };

/** Lower folders that a folder still must not know. */
const BLIND = {
  'src/routing': ['src/session'],
  'src/hub': ['src/session'],
};

/** Folders (or files directly in them) that run anywhere. */
const PURE = '^src/(base|wire|kcp|session)/|^src/(carrier|client)/[^/]+\\.ts$|^src/client/(lines|switching)/';

/** Folders that need what Node and browsers share: fetch, AbortSignal, timers. */
const WEB = '^src/client/sdk/';

/** Paths as dependency-cruiser matches them: one alternation of folder prefixes. */
const under = (folders) => `^(${folders.join('|')})/`;

function mayNotImport(folder) {
  const sideways = SIDEWAYS[folder] ?? [];
  const blind = BLIND[folder] ?? [];
  const others = Object.keys(LAYERS).filter((other) => other !== folder && !sideways.includes(other));
  return others.filter((other) => LAYERS[other] >= LAYERS[folder] || blind.includes(other));
}

const layerRules = Object.keys(LAYERS)
  .filter((folder) => mayNotImport(folder).length > 0)
  .map((folder) => ({
    name: `layer-${folder.replace('src/', '')}`,
    severity: 'error',
    comment:
      `${folder} is layer ${LAYERS[folder]}: it may import lower layers only. Move the shared part down, or let the ` +
      'caller hand it in through an interface of this folder.',
    from: { path: under([folder]) },
    to: { path: under(mayNotImport(folder)) },
  }));

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'folder-in-table',
      severity: 'error',
      comment:
        'A new folder needs its place in the layer table: in .dependency-cruiser.cjs and docs/architecture.md.',
      from: {},
      to: { path: '^src/[^/]+/', pathNot: under(Object.keys(LAYERS)) },
    },
    {
      name: 'library-entry-is-the-top',
      severity: 'error',
      comment: 'src/index.ts is for users of the package; inside src import the file that defines the thing.',
      from: { path: '^src/' },
      to: { path: '^src/index\\.ts$' },
    },
    {
      name: 'pure-no-node',
      severity: 'error',
      comment: 'A pure folder knows no Node module; take what is needed as an argument.',
      from: { path: PURE },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-no-package',
      severity: 'error',
      comment: 'A pure folder has no npm dependency; write the small part that is needed.',
      from: { path: PURE },
      to: { path: 'node_modules' },
    },
    {
      name: 'pure-no-runtime-folder',
      severity: 'error',
      comment:
        'A pure file cannot use a runtime folder (node/ or browser/) beside it; depend on the interface.',
      from: { path: PURE },
      to: { path: '^src/[^/]+/(node|browser)/' },
    },
    {
      name: 'web-no-runtime-folder',
      severity: 'error',
      comment:
        'What Node and browsers share cannot use what only one of them has; take it from the platform.',
      from: { path: WEB },
      to: {
        path: '^src/[^/]+/(node|browser)/|^src/(crypto|telemetry|upstream|endpoint|qlog|routing|hub|gateway)/',
      },
    },
    {
      name: 'web-no-module',
      severity: 'error',
      comment: 'What Node and browsers share has no Node module and no npm dependency.',
      from: { path: WEB },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'] },
    },
    {
      name: 'pure-no-web',
      severity: 'error',
      comment: 'A pure file cannot use what needs timers and fetch.',
      from: { path: PURE },
      to: { path: WEB },
    },
    {
      name: 'browser-no-node',
      severity: 'error',
      comment: 'What runs in a browser cannot use Node: no node: module and no node/ folder.',
      from: { path: '^src/[^/]+/browser/' },
      to: { path: '^src/[^/]+/node/|^src/(crypto|telemetry|upstream|endpoint|qlog|routing|hub|gateway)/' },
    },
    {
      name: 'browser-no-node-module',
      severity: 'error',
      comment: 'What runs in a browser cannot use a Node module.',
      from: { path: '^src/[^/]+/browser/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'node-no-browser',
      severity: 'error',
      comment: 'Node code cannot use a browser/ folder; move the common part one folder up.',
      from: { path: '^(src|tools)/', pathNot: '/browser/' },
      to: { path: '^src/[^/]+/browser/' },
    },
    {
      name: 'no-test-code',
      severity: 'error',
      comment: 'The program does not depend on its tests.',
      from: { path: '^(src|tools|native-bindings)/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-cycle',
      severity: 'error',
      comment:
        'These files need each other. Move what both use into a third file, or pass it as an argument.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'This import leads nowhere: fix the path or add the dependency.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'declared-dependencies',
      severity: 'error',
      comment:
        'Users install only "dependencies": move the package there, do without it, or (import() and an optional peer ' +
        'dependency) say what to install.',
      from: { path: '^(src|tools)/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only', 'npm-peer'],
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Scripts of the repository (tools/*.mjs) are not part of the program.
    exclude: { path: '^(dist|coverage)/|^tools/[^/]+\\.mjs$' },
    // Type-only imports are dependencies too: a layer that knows the types of another knows that layer.
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.mjs', '.js', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
