/** What is wrong with a JSON value. The message names the place and repeats no value. */
export class JsonFault extends Error {}

/**
 * Reads the known fields of an object that came from elsewhere, each with its bounds. A field without fallback must be
 * there; fields nobody asks for are ignored.
 */
export class JsonObject {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #place: string;

  /** @param place the path to it, for messages; empty for the outermost object. */
  constructor(value: unknown, place = '') {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new JsonFault(place === '' ? 'is no object' : `${place}: is no object`);
    }
    this.#fields = value as Readonly<Record<string, unknown>>;
    this.#place = place === '' ? '' : `${place}.`;
  }

  fault(key: string, what: string): JsonFault {
    return new JsonFault(`${this.#place}${key}: ${what}`);
  }

  integer(key: string, min: number, max: number, fallback?: number): number {
    const value = this.#get(key) ?? fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
    throw this.fault(key, `is no whole number from ${String(min)} to ${String(max)}`);
  }

  /** @param pattern what the whole text must match unless it is the fallback; it bounds the length. */
  text(key: string, pattern: RegExp, fallback?: string): string {
    const value = this.#get(key);
    if (fallback !== undefined && (value === undefined || value === fallback)) return fallback;
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw this.fault(key, typeof value === 'string' ? 'is malformed' : 'is no text');
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.#get(key) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.fault(key, 'is neither true nor false');
  }

  /** The objects of a list that must be there. */
  list(key: string, maxLength: number): JsonObject[] {
    const value = this.#get(key);
    if (!Array.isArray(value)) throw this.fault(key, 'is no list');
    if (value.length > maxLength) throw this.fault(key, 'is too long');
    return value.map((item, index) => new JsonObject(item, `${this.#place}${key}[${String(index)}]`));
  }

  /** An object that may be missing: then it is empty. */
  object(key: string): JsonObject {
    return new JsonObject(this.#get(key) ?? {}, `${this.#place}${key}`);
  }

  #get(key: string): unknown {
    return Object.hasOwn(this.#fields, key) ? this.#fields[key] : undefined;
  }
}
