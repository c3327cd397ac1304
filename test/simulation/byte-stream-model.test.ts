import { describe, expect, it } from 'vitest';
import { ByteStreamModel, DatagramModel } from './byte-stream-model.ts';

/** A stream of which so many bytes were taken, and those bytes. */
function taken(length: number, isStream = true): { model: ByteStreamModel; bytes: Uint8Array } {
  const model = new ByteStreamModel('up', 1, isStream);
  const bytes = model.next(length).slice();
  model.take(length);
  return { model, bytes };
}

describe('the model of a byte stream', () => {
  it('takes what went in, in any pieces, and then the end', () => {
    const { model, bytes } = taken(1000);
    model.deliver(bytes, 0, 400, true);
    model.deliver(bytes, 400, 600, true);
    expect(model.isComplete).toBe(true);
    model.end();
    expect(model.isComplete).toBe(false);
    model.deliverEnd();
    expect(model.isComplete).toBe(true);
  });

  it('notices what is wrong, left out, repeated, or never went in', () => {
    const { bytes } = taken(1000);
    expect(() => taken(1000).model.deliver(bytes.with(500, bytes[500]! ^ 1), 0, 1000, true)).toThrow(
      'byte 500 is wrong',
    );
    expect(() => taken(1000).model.deliver(bytes, 100, 100, true)).toThrow('is wrong');
    expect(() => {
      const { model } = taken(1000);
      model.deliver(bytes, 0, 400, true);
      model.deliver(bytes, 300, 100, true);
    }).toThrow('is wrong');
    expect(() => taken(999).model.deliver(bytes, 0, 1000, true)).toThrow('999 were taken');
  });

  it('notices an end that comes early, twice, from nobody, or before something', () => {
    const { model, bytes } = taken(10);
    expect(() => model.deliverEnd()).toThrow('nobody made');
    model.end();
    expect(() => model.take(1)).toThrow('after the end');
    expect(() => model.deliverEnd()).toThrow('after 0 of 10 bytes');
    model.deliver(bytes, 0, 10, true);
    model.deliverEnd();
    expect(() => model.deliverEnd()).toThrow('twice');
    expect(() => model.deliver(bytes, 0, 0, true)).toThrow('after the end');
  });

  it('notices messages that are cut or joined', () => {
    const whole = (): ReturnType<typeof taken> => taken(1000, false);
    expect(() => whole().model.deliver(whole().bytes, 0, 400, true)).toThrow('ends at 1000');
    expect(() => whole().model.deliver(whole().bytes, 0, 1000, false)).toThrow('ends at 1000');
    const { model, bytes } = whole();
    model.take(500);
    expect(() => model.deliver(model.next(0), 0, 0, true)).toThrow('ends at 1000');
    model.deliver(bytes, 0, 400, false);
    model.deliver(bytes, 400, 600, true);
    expect(model.delivered).toBe(1000);
  });
});

describe('the model of messages outside the order', () => {
  it('takes each once, in any order, and no other', () => {
    const model = new DatagramModel('up', 1);
    const [first, second] = [model.next(20), model.next(8)];
    model.deliver(second, 0, 8);
    model.deliver(first, 0, 20);
    expect([model.sent, model.delivered]).toEqual([2, 2]);
    expect(() => model.deliver(second, 0, 8)).toThrow('came twice');
    expect(() => model.deliver(first, 0, 19)).toThrow('nobody sent');
    expect(() => model.deliver(new DatagramModel('down', 2).next(8), 0, 8)).toThrow('nobody sent');
    const third = model.next(20);
    third[19]! ^= 1;
    expect(() => model.deliver(third, 0, 20)).toThrow('byte 19');
  });
});
