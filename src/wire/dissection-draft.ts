import { type Field, FIELD_PREVIEW_BYTES, type Problem, type ProblemCode, type Unit } from './dissection.ts';
import type { WireMemory } from './memory.ts';
import { hexOf } from './printable.ts';

/** A dissection while it is made. */
export class Draft {
  readonly memory: WireMemory;
  readonly units: Unit[] = [];
  readonly problems: Problem[] = [];

  constructor(memory: WireMemory) {
    this.memory = memory;
  }

  problem(code: ProblemCode, offset: number, text: string): void {
    this.problems.push({ code, offset, text });
  }

  unit(name: string, offset: number, length: number, fields: readonly Field[]): void {
    this.units.push({ name, offset, length, fields });
  }
}

/** Adds what stands between the last field and `end`, when that is anything. */
export function addRest(draft: Draft, fields: Field[], end: number): void {
  const last = fields.at(-1);
  const at = last === undefined ? 0 : last.offset + last.length;
  if (at < end) fields.push(bytesField(draft.memory, 'rest', at, end - at));
}

/** A field; its text is the value unless something better is known. */
export function field(
  name: string,
  value: Field['value'],
  offset: number,
  length: number,
  text = String(value),
  unused = false,
): Field {
  return { name, value, offset, length, text, unused };
}

/** A field of bytes: their beginning in hexadecimal. */
export function bytesField(memory: WireMemory, name: string, offset: number, length: number): Field {
  const hex = hexOf(memory.bytes, offset, Math.min(length, FIELD_PREVIEW_BYTES));
  const text = length > FIELD_PREVIEW_BYTES ? `${hex}...` : hex;
  return field(name, hex, offset, length, text === '' ? '(none)' : text);
}
