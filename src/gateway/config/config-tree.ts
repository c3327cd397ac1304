import { isMap, newMap } from './document-map.ts';
import type { ConfigIssue, ConfigPath, Origin } from './issue.ts';
import { formatPath } from './issue.ts';

/**
 * A configuration before it is checked: plain values, and for each where it was written.
 * Maps have no prototype, so any key is only a key.
 */
export class ConfigTree {
  readonly root: Record<string, unknown> = newMap();
  readonly #fallback: Origin;
  readonly #values = new Map<string, Origin>();
  readonly #keys = new Map<string, Origin>();
  readonly #texts = new Set<string>();
  readonly #broken = new Set<string>();

  /** @param source what is named when nothing nearer is known. */
  constructor(source: string) {
    this.#fallback = { source };
  }

  /** The value at a path, or undefined. */
  at(path: ConfigPath): unknown {
    let value: unknown = this.root;
    for (const step of path) {
      if (Array.isArray(value) && typeof step === 'number') value = value[step];
      else if (isMap(value)) value = value[String(step)];
      else return undefined;
    }
    return value;
  }

  /** Puts a value in place of what stands at a path and below it; makes the maps on the way. */
  set(path: ConfigPath, value: unknown, origin: Origin): void {
    const last = path.at(-1);
    if (last === undefined) return;
    let parent: unknown = this.root;
    for (const [depth, step] of path.slice(0, -1).entries()) {
      const child = this.at(path.slice(0, depth + 1));
      if (isMap(child) || Array.isArray(child)) parent = child;
      else if (isMap(parent)) parent = parent[step] = newMap();
      else return;
    }
    this.forget(path);
    if (Array.isArray(parent) && typeof last === 'number') parent[last] = value;
    else if (isMap(parent)) parent[last] = value;
    this.#values.set(id(path), origin);
  }

  /** Says where the key and the value at a path were written. */
  locate(path: ConfigPath, value: Origin, key: Origin = value): void {
    this.#values.set(id(path), value);
    this.#keys.set(id(path), key);
  }

  /** Where the value at a path was written, or the nearest thing around it. */
  origin(path: ConfigPath): Origin {
    for (let length = path.length; length >= 0; length -= 1) {
      const found = this.#values.get(id(path.slice(0, length)));
      if (found !== undefined) return found;
    }
    return this.#fallback;
  }

  /** Where the key at the end of a path was written. */
  keyOrigin(path: ConfigPath): Origin {
    return this.#keys.get(id(path)) ?? this.origin(path);
  }

  /** Marks the value at a path as text that is to be read as whatever type belongs there. */
  markText(path: ConfigPath): void {
    this.#texts.add(id(path));
  }

  isText(path: ConfigPath): boolean {
    return this.#texts.has(id(path));
  }

  /** Marks the value at a path as already complained about. */
  markBroken(path: ConfigPath): void {
    this.#broken.add(id(path));
  }

  /** Whether the value at a path, or one around it, was complained about. */
  isBroken(path: ConfigPath): boolean {
    return this.#broken.size > 0 && path.some((_, index) => this.#broken.has(id(path.slice(0, index + 1))));
  }

  /** An issue about the value at a path. */
  issue(path: ConfigPath, message: string, origin: Origin = this.origin(path)): ConfigIssue {
    return { ...origin, path: formatPath(path), message };
  }

  private forget(path: ConfigPath): void {
    const own = id(path);
    const below = `${own.slice(0, -1)},`;
    for (const known of [this.#values, this.#keys, this.#texts, this.#broken]) {
      for (const key of known.keys()) if (key === own || key.startsWith(below)) known.delete(key);
    }
  }
}

function id(path: ConfigPath): string {
  return JSON.stringify(path);
}
