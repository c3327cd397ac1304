/** Variables by name, as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Text after substitution, and what could not be substituted. */
export interface Interpolation {
  readonly text: string;
  /** Whether anything was substituted. */
  readonly changed: boolean;
  /** What is wrong; `at` is the piece of the text that is, for finding it in the source. */
  readonly problems: readonly { readonly at: string; readonly message: string }[];
}

/**
 * Puts environment variables into text: `${NAME}` must be set, `${NAME:-default}` takes the default when it is unset or
 * empty, `$${` is a literal `${`. What is put in is not looked at again.
 */
export function interpolate(text: string, environment: Environment): Interpolation {
  const problems: { at: string; message: string }[] = [];
  let changed = false;
  const result = text.replace(/\$(\$\{|\{[^}]*\}?)/g, (whole, inner: string) => {
    changed = true;
    if (inner === '${') return inner;
    const reference = /^\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}$/.exec(inner);
    const [, name = '', fallback] = reference ?? [];
    if (reference === null) {
      problems.push({
        at: whole,
        message: `${JSON.stringify(whole)} is not a variable; write \${NAME} or \${NAME:-default}`,
      });
      return '';
    }
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
    if (fallback !== undefined) return value === undefined || value === '' ? fallback : value;
    if (value === undefined) {
      problems.push({
        at: whole,
        message: `environment variable ${name} is not set and has no default (\${${name}:-default})`,
      });
    }
    return value ?? '';
  });
  return { text: result, changed, problems };
}
