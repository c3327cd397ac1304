import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Folders that run anywhere: no Node, no DOM, no clock, no randomness of their own (see docs/architecture.md). */
const PURE = [
  'src/base/**/*.ts',
  'src/wire/**/*.ts',
  'src/kcp/**/*.ts',
  'src/carrier/*.ts',
  'src/session/**/*.ts',
  'src/client/*.ts',
  'src/client/lines/**/*.ts',
  'src/client/switching/**/*.ts',
];

/** Folders that run in Node and in browsers: no more than both have. */
const WEB = ['src/client/sdk/**/*.ts'];

/** Folders whose loops run once or more per packet. */
const PACKET_PATH = [
  'src/base/**/*.ts',
  'src/wire/**/*.ts',
  'src/kcp/**/*.ts',
  'src/carrier/**/*.ts',
  'src/crypto/**/*.ts',
  'src/session/**/*.ts',
  'src/endpoint/**/*.ts',
  'src/gateway/workers/**/*.ts',
  'tools/kcpgate/inspect/**/*.ts',
];

const NO_DEFAULT_EXPORT = {
  selector: 'ExportDefaultDeclaration, ExportSpecifier[exported.name="default"]',
  message: 'Export by name: a thing has one name wherever it is used.',
};

const ENVIRONMENT = 'Only src/gateway and tools read the environment; hand the value in.';

export default defineConfig(
  { ignores: ['dist/', 'coverage/', 'node_modules/', 'native-bindings/build/', 'test/peers/', '**/*.cjs'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        // The project service follows the references of tsconfig.json, so each file is checked in its own project.
        projectService: { allowDefaultProject: ['vitest.config.ts'], defaultProject: 'test/tsconfig.json' },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // A number in a template prints the same as String(number).
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // `return drop(reason)` in a function that may return nothing is the idiom for bad input.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // A new member of a union must be handled wherever the union is taken apart.
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: { 'no-console': 'error' },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/gateway/**/*.ts'],
    rules: {
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: ENVIRONMENT }],
      'no-restricted-imports': [
        'error',
        { name: 'node:process', importNames: ['env'], message: ENVIRONMENT },
      ],
    },
  },
  {
    files: PACKET_PATH,
    rules: {
      // Typed-array reads are `number | undefined` under noUncheckedIndexedAccess; a test per read would cost time
      // on the packet path, where the index was checked before.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Index loops make no iterator and keep the integer index at hand.
      '@typescript-eslint/prefer-for-of': 'off',
    },
  },
  {
    files: PURE,
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'Date', message: 'Time is an argument: take `now` in milliseconds.' },
        { name: 'performance', message: 'Time is an argument: take `now` in milliseconds.' },
        { name: 'console', message: 'Take a Logger, or count.' },
        { name: 'crypto', message: 'Randomness is an argument: take a RandomSource.' },
        { name: 'globalThis', message: 'Pure code has no ambient world.' },
      ],
      'no-restricted-properties': [
        'error',
        {
          object: 'Math',
          property: 'random',
          message: 'Randomness is an argument: take a RandomSource.',
        },
      ],
    },
  },
  {
    files: WEB,
    rules: {
      'no-restricted-globals': [
        'error',
        ...['document', 'window', 'self', 'localStorage', 'navigator', 'WebSocket', 'XMLHttpRequest'].map(
          (name) => ({ name, message: 'Node has none: take it from the platform.' }),
        ),
        ...['Date', 'performance', 'crypto'].map((name) => ({
          name,
          message: 'Time and randomness come from the platform, so that tests can set them.',
        })),
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // A wrong `!` in a test fails that test, which is what it is for.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // expect(object.method) hands over a method only to compare it.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  // The tools that read these files want a default export.
  { files: ['*.config.ts', 'test/support/report-peers.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['examples/*.mjs'],
    languageOptions: { globals: { fetch: 'readonly', performance: 'readonly', Response: 'readonly' } },
  },
  {
    files: ['examples/browser/page.js'],
    languageOptions: { globals: { document: 'readonly', TextDecoder: 'readonly', TextEncoder: 'readonly' } },
  },
);
