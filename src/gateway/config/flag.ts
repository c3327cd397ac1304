import type { ConfigTree } from './config-tree.ts';
import type { ConfigIssue } from './issue.ts';
import { isCalled, override, settingsOf } from './setting.ts';
import { didYouMean } from './suggestion.ts';

/** A configuration value from the command line. */
export interface ConfigFlag {
  /** The flag as people type it, for messages: `--log-level`. */
  readonly flag: string;
  /** The key: `common.log_level`, `listeners.line-udp.bind`, `listeners[0].bind`, `upstreams.app.servers`. */
  readonly key: string;
  /** The value as text, as in an environment variable. */
  readonly text: string;
}

/** Overrides keys of the tree by flags, the last one of a key winning. @returns flags for keys that do not exist. */
export function applyFlags(flags: readonly ConfigFlag[], tree: ConfigTree): ConfigIssue[] {
  if (flags.length === 0) return [];
  const issues: ConfigIssue[] = [];
  const settings = settingsOf(tree.root);
  for (const { flag, key, text } of flags) {
    const setting = settings.find((candidate) => isCalled(candidate, key));
    if (setting === undefined) {
      const hint = didYouMean(
        key,
        settings.map((candidate) => candidate.dotted),
      );
      issues.push({ source: flag, path: '', message: `there is no key "${key}"${hint}` });
    } else {
      override(tree, setting, settings, text, flag);
    }
  }
  return issues;
}
