/** Longest string that is logged whole, in UTF-16 units. */
const MAX_TEXT = 4096;
/** Most entries of a list or map that are logged. */
const MAX_ENTRIES = 64;
/** Deepest nesting that is logged. */
const MAX_DEPTH = 5;
/** Bytes of binary data that are shown. */
const MAX_BYTES = 32;

const REDACTED = '[redacted]';

/**
 * A copy of log fields that JSON can hold and that is bounded in size: errors with their code and cause, integers of any
 * size as text, bytes as a hexadecimal beginning, secrets left out. Never throws, whatever the fields are.
 *
 * A field is secret when the last word of its name is token, secret, password or key: `token`, `resetToken`, `api_key`.
 */
export function safeFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return safeMap(fields, 0);
}

/** Whether a field of this name is not to be logged. */
export function isSecretName(name: string): boolean {
  const [last = ''] = /[A-Z]?[a-z]+$|[A-Z]+$/.exec(name) ?? [];
  return /^(?:token|secret|password|key)s?$/i.test(last);
}

function safeMap(map: object, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  let count = 0;
  for (const key of Object.keys(map)) {
    count += 1;
    if (count > MAX_ENTRIES) {
      copy['...'] = 'more';
      break;
    }
    copy[key] = isSecretName(key) ? REDACTED : read(map, key, depth);
  }
  return copy;
}

function read(map: object, key: string, depth: number): unknown {
  try {
    return safeValue((map as Readonly<Record<string, unknown>>)[key], depth + 1);
  } catch {
    return '[unreadable]';
  }
}

function safeValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}...` : value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'function':
      return '[function]';
    case 'object':
      return value === null ? null : safeObject(value, depth);
    default:
      return value;
  }
}

function safeObject(value: object, depth: number): unknown {
  if (depth > MAX_DEPTH) return '[deep]';
  if (ArrayBuffer.isView(value)) return safeBytes(value);
  if (value instanceof Error) return safeError(value, depth);
  if (Array.isArray(value))
    return value.slice(0, MAX_ENTRIES).map((item: unknown) => safeValue(item, depth + 1));
  if (value instanceof Map) return safeMap(Object.fromEntries(value) as object, depth);
  if (value instanceof Set) return safeValue([...value], depth);
  if (value instanceof Date || value instanceof URL) return JSON.parse(JSON.stringify(value)) as unknown;
  return safeMap(value, depth);
}

function safeBytes(view: ArrayBufferView): string {
  const shown = Buffer.from(view.buffer, view.byteOffset, Math.min(view.byteLength, MAX_BYTES)).toString(
    'hex',
  );
  return `${String(view.byteLength)} bytes: ${shown}${view.byteLength > MAX_BYTES ? '...' : ''}`;
}

/** Name, message and stack are no own enumerable properties; `code`, `syscall`, `address` and `port` of the system are. */
function safeError(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  return {
    name: safeValue(name, depth),
    message: safeValue(message, depth),
    ...safeMap(error, depth),
    ...(cause === undefined ? {} : { cause: safeValue(cause, depth + 1) }),
    ...(stack === undefined ? {} : { stack: safeValue(stack, depth) }),
  };
}
