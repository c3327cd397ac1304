import * as z from 'zod';
import { field } from './field.ts';

/** A path that nginx gets. */
export function nginxPath(text: string) {
  return field(PATH, { kind: 'text', type: 'path', range: 'path', expects: PATH_EXPECTS, text });
}

/** As {@link nginxPath}, or null. */
export function optionalNginxPath(text: string) {
  const expects = `${PATH_EXPECTS}; or null`;
  const schema = PATH.nullable();
  return field(schema, { kind: 'optional-text', type: 'path', range: 'path or null', expects, text });
}

/** Paths that nginx gets. */
export function nginxPaths(text: string) {
  const path = field(PATH, {
    kind: 'text',
    type: 'path',
    range: 'path',
    expects: PATH_EXPECTS,
    text: 'One path.',
  });
  const expects = 'a list of paths without white space, quotes and any of ; # $ { } \\';
  return field(z.array(path), { kind: 'words', type: 'list', range: 'path, ...', expects, text });
}

/** The path of a URL that nginx gets. */
export function nginxUrlPath(text: string) {
  const expects = 'a path such as /kcp: of letters, digits, "_", "-", "." and "/", without / at its end';
  const schema = z.string().regex(/^(?:\/[\w.-]{1,64}){1,4}$/);
  return field(schema, { kind: 'text', type: 'URL path', range: '/path', expects, text });
}

/** What can stand in a configuration of nginx as it is. */
const PATH = z.string().regex(/^[^\s\p{Cc}"'`;{}#$\\]{1,1024}$/u);
const PATH_EXPECTS = 'a path without white space, quotes and any of ; # $ { } \\';
