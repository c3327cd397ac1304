import { expect, it } from 'vitest';
import { onLoginPair } from './login-pair.ts';

it('a path that was left and is tried again is kept until it answered or failed', () => {
  for (const isDark of [false, true]) {
    onLoginPair({}, (pair) => {
      const client = pair.client();
      const first = client.openUdp();
      client.dial(first);
      pair.loop.runFor(1_000);
      const { path } = client.session;
      client.moveTo(client.openUdp());
      pair.loop.runFor(100);
      first.blackHole('down', isDark ? Infinity : 100);
      client.endpoint.tryPath(client.session, path.port, path.slot);
      pair.loop.runFor(5_000);
      expect(client.events).toEqual(['validated 1', 'moved 0 1', isDark ? 'failed 0' : 'validated 0']);
    });
  }
});
