import { expect, test } from 'vitest';
import { readCaptureFile } from '../../../../../../tools/kcpgate/inspect/capture/read-file.ts';

const EXAMPLE = 'docs/inspector-example.pcapng';

test('whoever stops in the middle takes nothing from the next file', async () => {
  const stop = new Error('enough');
  for (let run = 0; run < 300; run++) {
    const stopped = readCaptureFile(EXAMPLE, {
      push: () => {
        throw stop;
      },
      finish: () => undefined,
    });
    await expect(stopped).rejects.toBe(stop);
    let bytes = 0;
    await readCaptureFile(EXAMPLE, { push: (chunk) => (bytes += chunk.length), finish: () => undefined });
    expect(bytes).toBeGreaterThan(1000);
  }
});
