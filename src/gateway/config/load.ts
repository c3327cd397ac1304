import { checkFiles } from './check-files.ts';
import { checkFront } from './check-front.ts';
import { checkGateways } from './check-gateways.ts';
import { checkListeners } from './check-listeners.ts';
import { checkLogin } from './check-login.ts';
import { checkReferences } from './check-references.ts';
import { unroutedListeners } from './check-routes.ts';
import { checkMessageSize } from './check-sessions.ts';
import { checkShape } from './check-shape.ts';
import type { GatewayConfig } from './config.ts';
import { ConfigTree } from './config-tree.ts';
import { addDefaultSections } from './default-section.ts';
import { doubtfulParts } from './doubtful-parts.ts';
import { applyEnvironment } from './environment.ts';
import { applyFlags, type ConfigFlag } from './flag.ts';
import type { Environment } from './interpolation.ts';
import { type ConfigIssue, sortIssues } from './issue.ts';
import { type NamedFiles, readNamedFiles } from './named-files.ts';
import { resolveConfig } from './resolve.ts';
import type { ConfigDocument } from './schema.ts';
import { readTextFile, type TextFile } from './text-file.ts';
import { readTextValues } from './text-value.ts';
import { MAX_FILE_LENGTH, readYaml } from './yaml-source.ts';

export interface LoadOptions {
  /** Path of the YAML file; its name in messages. Without file and text the configuration is the default one. */
  readonly file?: string;
  /** Content to use instead of reading the file. */
  readonly text?: string;
  /** Environment variables, for `${NAME}` in the file and as `KCPGATE_<SECTION>_<KEY>`; usually `process.env`. */
  readonly env: Environment;
  /** Values given on the command line. Default none. */
  readonly flags?: readonly ConfigFlag[];
  /** Reads the configuration file, and files named by its keys and by `*_FILE` variables. Default the file system. */
  readonly readFile?: (path: string, maxBytes: number) => TextFile;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: GatewayConfig; readonly warnings: readonly ConfigIssue[] }
  | { readonly ok: false; readonly errors: readonly ConfigIssue[] };

/**
 * Reads, completes and checks a configuration. Flags go before the environment, that before the file, that before the
 * defaults. Never throws: everything that is wrong comes back at once, in the order of the file.
 */
export function loadConfig(options: LoadOptions): ConfigResult {
  const readFile = options.readFile ?? readTextFile;
  const source = options.file ?? (options.text === undefined ? 'default' : 'configuration');
  const tree = new ConfigTree(source);
  const content = contentOf(options, readFile);
  if (!content.ok) return { ok: false, errors: [{ source, path: '', message: content.error }] };

  const yaml = readYaml(content.text, source, options.env, tree);
  if (!yaml.complete) return { ok: false, errors: sortIssues(yaml.issues) };
  const errors = [...yaml.issues];
  const sections = addDefaultSections(tree);
  const environment = applyEnvironment(options.env, readFile, tree);
  const warnings = [...sections.warnings, ...environment.warnings];
  errors.push(...sections.errors, ...environment.errors, ...applyFlags(options.flags ?? [], tree));
  readTextValues(tree);
  const files = readNamedFiles(tree, readFile, errors);

  const shape = checkShape(tree);
  errors.push(...(shape.ok ? [] : shape.issues), ...checkReferences(tree));
  if (!shape.ok || errors.length > 0) return { ok: false, errors: sortIssues(errors) };

  const config = resolveConfig(shape.document, files);
  errors.push(...checkMeaning(shape.document, tree, files), ...unroutedListeners(config, tree));
  if (errors.length > 0) return { ok: false, errors: sortIssues(errors) };
  return { ok: true, config, warnings: sortIssues([...warnings, ...doubtfulParts(config, tree)]) };
}

/** What is wrong with a document all of whose values are in order. */
function checkMeaning(document: ConfigDocument, tree: ConfigTree, files: NamedFiles): ConfigIssue[] {
  return [
    ...checkGateways(document, tree),
    ...checkListeners(document, tree),
    ...checkMessageSize(document, tree),
    ...checkLogin(document, tree),
    ...checkFiles(document, tree, files),
    ...checkFront(document, tree),
  ];
}

function contentOf(options: LoadOptions, readFile: (path: string, maxBytes: number) => TextFile): TextFile {
  if (options.text !== undefined) return { ok: true, text: options.text };
  if (options.file === undefined) return { ok: true, text: '' };
  const file = readFile(options.file, MAX_FILE_LENGTH);
  return file.ok ? file : { ok: false, error: `cannot read the file: ${file.error}` };
}
