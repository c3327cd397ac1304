import { expect, test } from 'vitest';
import { StatusListeners } from '../../../src/client/status-listeners.ts';

const moved = (to: string) => ({ type: 'moved', from: 'a', to }) as const;

test('each listener hears its type, until it has had enough', () => {
  const heard: string[] = [];
  const listeners = new StatusListeners((error) => {
    throw error;
  });
  const endFirst = listeners.add('moved', ({ to }) => heard.push(`first ${to}`));
  listeners.add('moved', ({ to }) => heard.push(`second ${to}`));
  listeners.add('pathlost', ({ line }) => heard.push(`lost ${line}`));
  listeners.tell(moved('b'));
  endFirst();
  endFirst();
  listeners.tell(moved('c'));
  listeners.tell({ type: 'pathlost', line: 'c', redials: true });
  expect(heard).toEqual(['first b', 'second b', 'second c', 'lost c']);
});

test('the same function added twice is two listeners', () => {
  let calls = 0;
  const listeners = new StatusListeners(() => undefined);
  const listener = (): void => {
    calls++;
  };
  const end = listeners.add('moved', listener);
  listeners.add('moved', listener);
  listeners.tell(moved('b'));
  end();
  listeners.tell(moved('c'));
  expect(calls).toBe(3);
});

test('one that throws stops nobody; it may end itself and others meanwhile', () => {
  const errors: unknown[] = [];
  const heard: string[] = [];
  const listeners = new StatusListeners((error) => errors.push(error));
  const end = listeners.add('moved', ({ to }) => {
    end();
    throw new Error(to);
  });
  listeners.add('moved', ({ to }) => heard.push(to));
  listeners.tell(moved('b'));
  listeners.tell(moved('c'));
  expect(errors).toEqual([new Error('b')]);
  expect(heard).toEqual(['b', 'c']);
});
