import { expect, test } from 'vitest';
import { SecretSearch } from './secret-search.ts';

const SECRET = Buffer.from('00112233445566778899aabbccddeeff0123456789abcdef', 'hex');

test('finds a secret in every form, also where only its beginning or end is told', () => {
  const search = new SecretSearch();
  search.add('the key', SECRET);
  search.add('the token', 'open-sesame-open-sesame');
  expect(search.size).toBe(2);
  for (const text of [
    `key=${SECRET.toString('hex')}`,
    `KEY=${SECRET.toString('hex').toUpperCase()}`,
    `{"key":"${SECRET.toString('base64')}"}`,
    `{"key":"${SECRET.toString('base64url')}"}`,
    JSON.stringify({ key: SECRET }),
    JSON.stringify({ key: new Uint8Array(SECRET) }),
    `first ${SECRET.subarray(0, 15).toString('hex')}...`,
    `last ...${SECRET.subarray(-12).toString('hex')}`,
    `raw ${SECRET.toString('latin1')}`,
  ]) {
    expect(search.find(text), text).toEqual(['the key']);
  }
  expect(search.find('Bearer open-sesame-open-sesame')).toEqual(['the token']);
  expect(search.find(`nothing: ${SECRET.subarray(0, 8).toString('hex')}, open`)).toEqual([]);
});
