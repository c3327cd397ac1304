import { MAX_SUBJECT_BYTES } from '../../wire/ticket.ts';

/**
 * Whether a text may name who logs in: not empty, {@link MAX_SUBJECT_BYTES} of UTF-8 at most, whole characters (a lone
 * surrogate would make two subjects the same in UTF-8), no control characters.
 */
export function isSubject(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) <= MAX_SUBJECT_BYTES && !/[\p{Cc}\p{Cs}]/u.test(text);
}
