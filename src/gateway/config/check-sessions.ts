import type { ConfigTree } from './config-tree.ts';
import type { ConfigIssue } from './issue.ts';
import type { ConfigDocument } from './schema.ts';

/** A message that does not fit could never be delivered. */
export function checkMessageSize({ sessions }: ConfigDocument, tree: ConfigTree): ConfigIssue[] {
  const { mtu, send_window: send, receive_window: receive, max_message: size } = sessions;
  const segments = Math.ceil(size / (mtu - SEGMENT_OVERHEAD_BYTES));
  const most = Math.min(send, receive, MAX_FRAGMENTS);
  if (segments <= most) return [];
  const message = `${String(size)} bytes are ${String(segments)} segments of this mtu; windows and format take ${String(most)}`;
  return [tree.issue(['sessions', 'max_message'], message)];
}

/** Segment header 24, address block 20, seal 28. */
const SEGMENT_OVERHEAD_BYTES = 72;
/** Of one message. */
const MAX_FRAGMENTS = 255;
