import { expect, test } from 'vitest';
import { StatusLine } from '../../../../tools/kcpgate/status-line.ts';

function terminal(isTTY: boolean): { readonly stream: NodeJS.WriteStream; readonly written: string[] } {
  const written: string[] = [];
  const write = (text: string): void => void written.push(text);
  return { written, stream: { isTTY, columns: 10, write } as unknown as NodeJS.WriteStream };
}
const CLEAR = '\r\u001b[2K';

test('stays the last line, as much of it as fits', () => {
  const { stream, written } = terminal(true);
  const line = new StatusLine(stream);
  line.aside(() => written.push('early\n'));
  line.show('0123456789abc');
  line.aside(() => written.push('record\n'));
  line.clear();
  line.clear();
  const shown = `${CLEAR}012345678`;
  expect(written).toEqual(['early\n', shown, CLEAR, 'record\n', shown, CLEAR]);
});

test('nothing where there is no terminal', () => {
  const { stream, written } = terminal(false);
  const line = new StatusLine(stream);
  line.show('something');
  line.aside(() => written.push('record\n'));
  line.clear();
  expect(written).toEqual(['record\n']);
});
