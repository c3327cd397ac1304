import type { GatewayConfig } from '../../../../src/gateway/config/config.ts';
import { formatIssues } from '../../../../src/gateway/config/issue.ts';
import { loadConfig, type LoadOptions } from '../../../../src/gateway/config/load.ts';

/** What a user reads of errors, without the file name in front. */
export function errorsOf(text: string, options: Partial<LoadOptions> = {}): string[] {
  const result = loadConfig({ file: 'f', text, env: {}, ...options });
  return result.ok ? [] : lines(formatIssues(result.errors));
}

/** What a user reads of warnings, without the file name in front. @throws Error when there are errors. */
export function warningsOf(text: string, options: Partial<LoadOptions> = {}): string[] {
  const result = loadConfig({ file: 'f', text, env: {}, ...options });
  if (!result.ok) throw new Error(formatIssues(result.errors));
  return lines(formatIssues(result.warnings));
}

/** @throws Error when there are errors. */
export function configOf(text: string, options: Partial<LoadOptions> = {}): GatewayConfig {
  const result = loadConfig({ file: 'f', text, env: {}, ...options });
  if (!result.ok) throw new Error(formatIssues(result.errors));
  return result.config;
}

/** A file system that holds these files and no others. */
export function filesOf(files: Readonly<Record<string, string>>): Pick<LoadOptions, 'readFile'> {
  return {
    readFile: (path, maxBytes) => {
      const text = files[path];
      if (text === undefined) return { ok: false, error: 'no such file' };
      return text.length > maxBytes ? { ok: false, error: 'is too large' } : { ok: true, text };
    },
  };
}

function lines(text: string): string[] {
  return text === '' ? [] : text.split('\n').map((line) => line.replace(/^f:/, ''));
}
