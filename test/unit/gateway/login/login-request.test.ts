import { describe, expect, it } from 'vitest';
import { isShallowJson } from '../../../../src/gateway/http/json-depth.ts';
import { parseLoginBody } from '../../../../src/gateway/login/login-request.ts';

const parse = (text: string) => parseLoginBody(Buffer.from(text));
const nothing = {
  token: undefined,
  client: { version: undefined, platform: undefined },
  seal: undefined,
};

describe('the body of a login', () => {
  it.each(['', '{}', ' {"client":{}} ', '\uFEFF{}'])('may say nothing: %j', (text) => {
    expect(parse(text)).toEqual({ ok: true, body: nothing });
  });

  it('says who, what and how', () => {
    const text = JSON.stringify({
      token: 't',
      client: { version: '1.2.3', platform: 'node' },
      seal: ['aes-128-gcm', 'clear', 'of-tomorrow'],
    });
    expect(parse(text)).toEqual({ ok: true, body: JSON.parse(text) as unknown });
  });

  it('may hold keys of later versions, which are left out', () => {
    const text =
      '{"token":"t","client":{"version":"1","build":[1]},"__proto__":{"seal":["clear"]},"more":{"a":[[1]]}}';
    expect(parse(text)).toEqual({
      ok: true,
      body: { ...nothing, token: 't', client: { version: '1', platform: undefined } },
    });
  });

  it.each([
    ['no JSON', '{'],
    ['more than JSON', '{}{}'],
    ['a list', '[]'],
    ['a text', '"token"'],
    ['null', 'null'],
    ['a token that is none', '{"token":7}'],
    ['an empty token', '{"token":""}'],
    ['null as a token', '{"token":null}'],
    ['a client that is a text', '{"client":"node"}'],
    ['a long version', `{"client":{"version":"${'1'.repeat(65)}"}}`],
    ['a line break in the platform', '{"client":{"platform":"a\\nb"}}'],
    ['a direction mark in the platform', '{"client":{"platform":"a\u202eb"}}'],
    ['a seal that is no list', '{"seal":"clear"}'],
    ['no seal at all', '{"seal":[]}'],
    ['many seals', '{"seal":["1","2","3","4","5","6","7","8","9"]}'],
    ['a long seal', `{"seal":["${'s'.repeat(33)}"]}`],
    ['a number as a seal', '{"seal":[1]}'],
    ['deep nesting', `{"more":${'['.repeat(8)}${']'.repeat(8)}}`],
    ['very deep nesting', '['.repeat(8192)],
    ['too many bytes', `{"token":"${'t'.repeat(8192)}"}`],
  ])('is refused with %s', (_, text) => {
    expect(parse(text)).toEqual({ ok: false, error: expect.any(String) as string });
  });

  it('is refused when it is not UTF-8', () => {
    const bytes = Buffer.from('{"token":"t?"}');
    bytes[11] = 0xff;
    expect(parseLoginBody(bytes)).toMatchObject({ ok: false });
  });

  it('is not repeated in what is said about it', () => {
    const secret = 'do-not-repeat';
    for (const text of [
      `{"token":["${secret}"]}`,
      `{"client":{"version":"${secret.repeat(9)}"}}`,
      `{"seal":["${secret.repeat(9)}"]}`,
      `{"${secret}":1,"token":2}`,
      `${secret}{`,
    ]) {
      const result = parse(text);
      expect(result.ok).toBe(false);
      expect(JSON.stringify(result)).not.toContain(secret);
    }
  });

  it('says where it is wrong', () => {
    expect(parse('{"seal":["aes-128-gcm",1]}')).toMatchObject({
      error: expect.stringMatching(/^seal\.1: /) as string,
    });
  });
});

describe('the depth of JSON', () => {
  const isShallow = (text: string, depth: number): boolean => isShallowJson(Buffer.from(text), depth);

  it.each([
    ['{}', 1],
    ['[[1],[2],{"a":[3]}]', 3],
    ['["[[[[", "\\"[[[", "\\\\"]', 1],
    ['"\\', 0],
  ])('of %s is %i', (text, depth) => {
    expect(isShallow(text, depth)).toBe(true);
    if (depth > 0) expect(isShallow(text, depth - 1)).toBe(false);
  });
});
