import type { ConfigTree } from './config-tree.ts';
import type { ConfigIssue } from './issue.ts';
import type { ConfigDocument } from './schema.ts';

/** What of the listeners cannot work. */
export function checkListeners({ listeners }: ConfigDocument, tree: ConfigTree): ConfigIssue[] {
  return listeners.flatMap((listener, index) => {
    if (listener.type !== 'http') return [];
    const path = ['listeners', index];
    const { websocket_path: webSocket, login_path: login } = listener;
    if (webSocket === null && login === null)
      return [tree.issue(path, 'has neither a websocket_path nor a login_path')];
    if (webSocket !== login) return [];
    return [tree.issue([...path, 'login_path'], `"${login ?? ''}" is the websocket_path too`)];
  });
}
