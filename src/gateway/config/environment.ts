import type { ConfigTree } from './config-tree.ts';
import type { Environment } from './interpolation.ts';
import type { ConfigIssue } from './issue.ts';
import { formatPath } from './issue.ts';
import { isLaterSection, NOT_YET } from './later.ts';
import { CONFIG_SCHEMA } from './schema.ts';
import { otherWay, override, type Setting, settingsOf } from './setting.ts';
import { closest, didYouMean } from './suggestion.ts';
import type { TextFile } from './text-file.ts';

/** Variables of the program that are no configuration. */
const OTHER_VARIABLES = [
  'KCPGATE_KEY_LOG',
  'KCPGATE_NATIVE',
  'KCPGATE_REQUIRE_PEERS',
  'KCPGATE_SEED',
  'KCPGATE_FUZZ_SECONDS',
  'KCPGATE_TEST_WORKERS',
];

const PREFIX = 'KCPGATE_';
const FILE_SUFFIX = '_FILE';
/** Most bytes of a file that holds one value. */
const MAX_VALUE_BYTES = 64 * 1024;

/** What the environment had to say. */
export interface EnvironmentResult {
  readonly errors: readonly ConfigIssue[];
  readonly warnings: readonly ConfigIssue[];
}

/**
 * Overrides keys of the tree by variables `KCPGATE_<SECTION>_<KEY>` and `KCPGATE_<SECTION>_<NAME>_<KEY>`; with `_FILE`
 * at its end a variable names a file that holds the value.
 */
export function applyEnvironment(
  environment: Environment,
  readFile: (path: string, maxBytes: number) => TextFile,
  tree: ConfigTree,
): EnvironmentResult {
  const errors: ConfigIssue[] = [];
  const warnings: ConfigIssue[] = [];
  const all = settingsOf(tree.root);
  const settings = byVariable(all);
  for (const [variable, value] of Object.entries(environment)) {
    if (value === undefined || !variable.startsWith(PREFIX) || OTHER_VARIABLES.includes(variable)) continue;
    const fail = (message: string): void => void errors.push({ source: variable, path: '', message });
    const base = baseName(variable, settings);
    const [setting, second] = settings.get(base) ?? [];
    if (setting === undefined) judgeUnknown(variable, [...settings.keys()], errors, warnings);
    else if (second !== undefined) fail(ambiguous(setting, second));
    else if (base === variable) {
      const other = setting.meta.file === true ? otherWay(setting, all)?.variable : undefined;
      if (other !== undefined && environment[other] !== undefined) fail(setToo(other));
      else override(tree, setting, all, value, variable);
    } else if (environment[base] !== undefined) fail(setToo(base));
    else {
      const file = readFile(value, MAX_VALUE_BYTES);
      if (file.ok) override(tree, setting, all, file.text.trim(), variable);
      else fail(`cannot read ${JSON.stringify(value)}: ${file.error}`);
    }
  }
  return { errors, warnings };
}

function setToo(variable: string): string {
  return `${variable} is set too; only one of the two can be`;
}

function byVariable(settings: readonly Setting[]): Map<string, Setting[]> {
  const map = new Map<string, Setting[]>();
  for (const setting of settings) {
    const same = map.get(setting.variable);
    if (same === undefined) map.set(setting.variable, [setting]);
    else same.push(setting);
  }
  return map;
}

/** The variable without `_FILE`, unless the key itself ends so. */
function baseName(variable: string, settings: ReadonlyMap<string, unknown>): string {
  const isFile = !settings.has(variable) && variable.endsWith(FILE_SUFFIX);
  return isFile ? variable.slice(0, -FILE_SUFFIX.length) : variable;
}

function ambiguous(first: Setting, second: Setting): string {
  return `could mean ${formatPath(first.path)} (${first.dotted}) or ${formatPath(second.path)} (${second.dotted})`;
}

/**
 * Inside of a section a variable that means nothing is an error. Outside it may belong to something else (a container
 * platform makes KCPGATE_PORT and the like), so that only a likely slip is worth a word.
 */
function judgeUnknown(
  variable: string,
  known: string[],
  errors: ConfigIssue[],
  warnings: ConfigIssue[],
): void {
  const section = variable.slice(PREFIX.length).split('_', 1)[0]?.toLowerCase() ?? '';
  if (Object.hasOwn(CONFIG_SCHEMA.shape, section)) {
    const hint = didYouMean(variable, known);
    const message = `no key ${nothingOf(section)} goes by this name${hint}`;
    errors.push({ source: variable, path: '', message });
  } else if (isLaterSection(section)) {
    errors.push({ source: variable, path: '', message: `section "${section}" is ${NOT_YET}` });
  } else {
    const near = closest(variable, known);
    if (near !== undefined)
      warnings.push({ source: variable, path: '', message: `is not used; did you mean "${near}"?` });
  }
}

function nothingOf(section: string): string {
  return section === 'common' ? 'of section "common"' : `of an entry of section "${section}"`;
}
