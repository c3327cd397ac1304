import { didYouMean } from '../../../../src/gateway/config/suggestion.ts';
import type { Predicate } from '../views/subject.ts';
import { comparison, membership } from './comparison.ts';
import { FILTER_FIELDS, FILTER_FLAGS, FILTER_SHORTHANDS, type FilterField } from './fields.ts';
import { FilterError } from './filter-error.ts';
import { type Token, tokensOf } from './tokens.ts';

/** How deep parentheses and `!` may stand in each other. */
export const MAX_FILTER_DEPTH = 64;

/**
 * Makes the function a filter stands for. The language:
 *
 *     either     = both { "||" both }
 *     both       = one { "&&" one }
 *     one        = "!" one | "(" either ")" | flag | field operator value | field "in" "{" value { "," value } "}"
 *     operator   = "==" | "!=" | "<" | "<=" | ">" | ">="
 *
 * `and`, `or` and `not` are `&&`, `||` and `!`.
 * @throws FilterError says what is wrong, and where.
 */
export function parseFilter(text: string): Predicate {
  const parser = new Parser(tokensOf(text));
  return parser.all();
}

class Parser {
  readonly #tokens: readonly Token[];
  #index = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  all(): Predicate {
    if (this.#peek().kind === 'end') throw new FilterError('the filter is empty', this.#peek().at);
    const whole = this.#either();
    if (this.#peek().kind !== 'end') throw this.#unexpected('&& or || is missing in front of this');
    return whole;
  }

  #peek(): Token {
    return this.#tokens[this.#index] ?? { kind: 'end', text: '', at: 0 };
  }

  #take(): Token {
    const token = this.#peek();
    this.#index += 1;
    return token;
  }

  #takes(sign: string, word?: string): boolean {
    const { kind, text } = this.#peek();
    const isIt = kind === 'sign' ? text === sign : kind === 'word' && text === word;
    if (isIt) this.#index += 1;
    return isIt;
  }

  #either(): Predicate {
    const parts = [this.#both()];
    while (this.#takes('||', 'or')) parts.push(this.#both());
    const [first] = parts;
    if (parts.length === 1 && first !== undefined) return first;
    return (subject, segment) => parts.some((part) => part(subject, segment));
  }

  #both(): Predicate {
    const parts = [this.#one()];
    while (this.#takes('&&', 'and')) parts.push(this.#one());
    const [first] = parts;
    if (parts.length === 1 && first !== undefined) return first;
    return (subject, segment) => parts.every((part) => part(subject, segment));
  }

  #one(): Predicate {
    if (this.#depth >= MAX_FILTER_DEPTH) {
      throw new FilterError(`at most ${MAX_FILTER_DEPTH} may stand in each other`, this.#peek().at);
    }
    this.#depth += 1;
    try {
      return this.#inner();
    } finally {
      this.#depth -= 1;
    }
  }

  #inner(): Predicate {
    if (this.#takes('!', 'not')) {
      const inner = this.#one();
      return (subject, segment) => !inner(subject, segment);
    }
    const open = this.#peek();
    if (this.#takes('(')) {
      const inner = this.#either();
      if (!this.#takes(')')) throw this.#unexpected(`the parenthesis of column ${open.at + 1} is not closed`);
      return inner;
    }
    return this.#named();
  }

  #named(): Predicate {
    const name = this.#peek();
    if (name.kind !== 'word') throw this.#unexpected('a field, a flag or a parenthesis belongs here');
    this.#index += 1;
    const field = FILTER_FIELDS.get(name.text);
    const alone = FILTER_FLAGS.get(name.text) ?? FILTER_SHORTHANDS.get(name.text);
    if (field !== undefined) return this.#compared(name, field);
    if (alone !== undefined) return this.#alone(name, alone);
    const names = [...FILTER_FIELDS.keys(), ...FILTER_FLAGS.keys(), ...FILTER_SHORTHANDS.keys()];
    const shown = JSON.stringify(name.text.slice(0, 40));
    throw new FilterError(`there is no field or flag ${shown}${didYouMean(name.text, names)}`, name.at);
  }

  #alone(name: Token, flag: Predicate): Predicate {
    if (this.#peek().kind === 'sign' && OPERATORS.has(this.#peek().text)) {
      throw new FilterError(`${name.text} stands alone: it is true or not`, this.#peek().at);
    }
    return flag;
  }

  #compared(name: Token, field: FilterField): Predicate {
    const operator = this.#take();
    if (operator.kind === 'word' && operator.text === 'in') return this.#listed(name, field);
    if (operator.kind !== 'sign' || !OPERATORS.has(operator.text)) {
      throw new FilterError(`${name.text} has to be compared: ${name.text} == ...`, operator.at);
    }
    return comparison(name.text, field, operator, this.#value());
  }

  #listed(name: Token, field: FilterField): Predicate {
    if (!this.#takes('{')) throw this.#unexpected('after "in" comes a list: {1, 2}');
    const values = [this.#value()];
    while (this.#takes(',')) values.push(this.#value());
    if (!this.#takes('}')) throw this.#unexpected('the list goes on with a comma or ends with }');
    return membership(name.text, field, values);
  }

  #value(): Token {
    const value = this.#peek();
    if (value.kind !== 'word' && value.kind !== 'quoted') throw this.#unexpected('a value belongs here');
    return this.#take();
  }

  #unexpected(message: string): FilterError {
    return new FilterError(message, this.#peek().at);
  }
}

const OPERATORS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);
