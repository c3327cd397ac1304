import type { FrontConfig } from '../../../src/gateway/config/config.ts';

/** Lines of a block, indented by four blanks. */
export function block(head: string, lines: readonly string[]): string {
  const inner = lines.map((line) => (line === '' ? '' : `    ${line}`));
  return [`${head} {`, ...inner, '}', ''].join('\n');
}

/** `listen` of a port on all addresses: of IPv4, and of IPv6 when that is wanted. */
export function listens(port: number, options: string, families: readonly (4 | 6)[]): string[] {
  const more = options === '' ? '' : ` ${options}`;
  return families.map((family) => `listen ${family === 6 ? '[::]:' : ''}${String(port)}${more};`);
}

/** The families that nginx listens on. */
export function familiesOf({ ipv6 }: FrontConfig): readonly (4 | 6)[] {
  return ipv6 ? [4, 6] : [4];
}

/** A time as nginx reads it: in seconds, or with milliseconds. */
export function time(ms: number): string {
  return ms % 1000 === 0 ? `${String(ms / 1000)}s` : `${String(ms)}ms`;
}

/** Where the files that the checker rewrites are, from nginx.conf. */
export function includeFolder({ check }: FrontConfig): string {
  return check.includeDirectory.replace(/\/+$/, '').replace(/^.*\//, '');
}
