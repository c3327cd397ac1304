import type * as z from 'zod';

/** The parameters of a URL by name, or what is wrong with them. */
export function readQuery(parameters: URLSearchParams): Record<string, string> | string {
  const values = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (values.has(name)) return `"${name}" stands in the URL twice`;
    values.set(name, value);
  }
  return Object.fromEntries(values);
}

/** What is wrong with values, key by key; the names of keys that should not be there are repeated. */
export function describeFault({ issues }: z.ZodError): string {
  const texts = issues.slice(0, MAX_ISSUES).map(({ path, message }) => {
    return path.length === 0 ? message : `${path.join('.')}: ${message}`;
  });
  return texts.join('; ').slice(0, MAX_LENGTH);
}

const MAX_ISSUES = 8;
/** In UTF-16 units. */
const MAX_LENGTH = 1000;
