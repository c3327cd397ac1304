/**
 * The text of a response, as UTF-8.
 * @returns undefined when it is longer than `maxBytes`, or no UTF-8; the rest is not read.
 * @throws what the body fails with.
 */
export async function readBounded(response: Response, maxBytes: number): Promise<string | undefined> {
  const { body } = response;
  if (body === null) return '';
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop cancels the body.
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    return undefined;
  }
}
