/**
 * The text of a response, as UTF-8.
 * @returns undefined when it is longer than `maxBytes`, or no UTF-8; the rest is not read.
 * @throws what the body fails with.
 */
export async function readBounded(response: Response, maxBytes: number): Promise<string | undefined> {
  if (response.body === null) return '';
  const reader = response.body.getReader();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    length += value?.length ?? 0;
    const piece = length > maxBytes ? undefined : decoded(decoder, value);
    if (piece === undefined) {
      // What the rest fails with is of no interest.
      reader.cancel().catch(() => undefined);
      return undefined;
    }
    text += piece;
    if (done) return text;
  }
}

/** @param bytes undefined: there are no more. */
function decoded(decoder: TextDecoder, bytes: Uint8Array | undefined): string | undefined {
  try {
    return decoder.decode(bytes, { stream: bytes !== undefined });
  } catch {
    return undefined;
  }
}
