import { isAllocatableConv } from '../../wire/conversation.ts';

/**
 * A conversation for a new session: the owner in the top byte, 24 random bits below.
 * @param owner gateway id, 0 to 255.
 * @param randomBytes unpredictable bytes, so that nobody can aim at the conversation of somebody else.
 * @param isInUse whether a session has this conversation.
 * @returns undefined when no free one was found in a few attempts: nearly all are in use.
 */
export function allocateConversation(
  owner: number,
  randomBytes: (length: number) => Uint8Array,
  isInUse: (conv: number) => boolean,
): number | undefined {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const [high = 0, middle = 0, low = 0] = randomBytes(3);
    const conv = ((owner << 24) | (high << 16) | (middle << 8) | low) >>> 0;
    if (isAllocatableConv(conv) && !isInUse(conv)) return conv;
  }
  return undefined;
}

const MAX_ATTEMPTS = 16;
