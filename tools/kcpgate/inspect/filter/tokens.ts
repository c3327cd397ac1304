import { FilterError } from './filter-error.ts';

/** One word or sign of a filter. */
export interface Token {
  /** `word`: a name, number, address or block; `quoted`: text; `end`: behind the last one. */
  readonly kind: 'word' | 'quoted' | 'sign' | 'end';
  /** Without the quotes. */
  readonly text: string;
  /** Where it begins, from 0. */
  readonly at: number;
}

/** The longest filter, in characters. */
export const MAX_FILTER_LENGTH = 4096;

/** Cuts a filter into its words and signs; the last token is `end`. @throws FilterError */
export function tokensOf(text: string): Token[] {
  if (text.length > MAX_FILTER_LENGTH) {
    throw new FilterError(`a filter has at most ${MAX_FILTER_LENGTH} characters`, MAX_FILTER_LENGTH);
  }
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    at = skipSpace(text, at);
    if (at === text.length) break;
    const token = tokenAt(text, at);
    tokens.push(token);
    at = token.at + token.text.length + (token.kind === 'quoted' ? 2 : 0);
  }
  tokens.push({ kind: 'end', text: '', at });
  return tokens;
}

function skipSpace(text: string, at: number): number {
  SPACE.lastIndex = at;
  return at + (SPACE.exec(text)?.[0].length ?? 0);
}

function tokenAt(text: string, at: number): Token {
  const sign = matchAt(SIGN, text, at);
  if (sign !== '') return { kind: 'sign', text: sign, at };
  const word = matchAt(WORD, text, at);
  if (word !== '') return { kind: 'word', text: word, at };
  const quote = text.charAt(at);
  if (quote === '"' || quote === "'") {
    const end = text.indexOf(quote, at + 1);
    if (end < 0) throw new FilterError('this text has no end: a quote is missing', at);
    return { kind: 'quoted', text: text.slice(at + 1, end), at };
  }
  const hint = HINTS.get(quote);
  throw new FilterError(hint ?? `${shownCharacter(text, at)} means nothing here`, at);
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

function shownCharacter(text: string, at: number): string {
  const code = text.codePointAt(at) ?? 0;
  const character = String.fromCodePoint(code);
  return /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character) ? `"${character}"` : `character U+${code.toString(16)}`;
}

const SPACE = /[ \t\r\n]*/y;
const SIGN = /==|!=|<=|>=|&&|\|\||[<>!(){},]/y;
const WORD = /[\w.:/%]+/y;
const HINTS: ReadonlyMap<string, string> = new Map([
  ['=', 'write == to compare'],
  ['&', 'write && for "and"'],
  ['|', 'write || for "or"'],
]);
