import { CidrSet, parseCidr } from '../../../../src/base/cidr.ts';
import { didYouMean } from '../../../../src/gateway/config/suggestion.ts';
import type { Predicate } from '../views/subject.ts';
import type { AddressField, FilterField, NameField, NumberField } from './fields.ts';
import { FilterError } from './filter-error.ts';
import type { Token } from './tokens.ts';

export type ComparisonOperator = '==' | '!=' | '<' | '<=' | '>' | '>=';

/**
 * Makes the function for a comparison with one value. What a datagram does not have compares as false, with `!=` too.
 * @throws FilterError when the value does not fit the field.
 */
export function comparison(name: string, field: FilterField, operator: Token, value: Token): Predicate {
  const sign = operator.text as ComparisonOperator;
  if (field.type === 'either') return eitherComparison(name, field.of, operator, value);
  if (field.type === 'number') return NUMBER_TESTS[sign](field.read, numberOf(name, field, value));
  if (sign !== '==' && sign !== '!=') {
    throw new FilterError(`${name} has no order: compare it with == or !=`, operator.at);
  }
  const isIn = field.type === 'address' ? addressTest(field, value) : nameTest(name, field, value);
  return sign === '==' ? isIn : negated(isIn, field);
}

/** Makes the function for `field in {a, b}`. @throws FilterError */
export function membership(name: string, field: FilterField, values: readonly Token[]): Predicate {
  const tests = values.map((value) => comparison(name, field, { ...value, kind: 'sign', text: '==' }, value));
  return (subject, segment) => tests.some((test) => test(subject, segment));
}

/** Neither is the value with `!=`; else one of the two does. */
function eitherComparison(
  name: string,
  [one, other]: readonly [FilterField, FilterField],
  operator: Token,
  value: Token,
): Predicate {
  const [first, second] = [comparison(name, one, operator, value), comparison(name, other, operator, value)];
  return operator.text === '!='
    ? (subject, segment) => first(subject, segment) && second(subject, segment)
    : (subject, segment) => first(subject, segment) || second(subject, segment);
}

const NUMBER_TESTS: Readonly<
  Record<ComparisonOperator, (read: NumberField['read'], value: number) => Predicate>
> = {
  '==': (read, value) => (subject, segment) => read(subject, segment) === value,
  '!=': (read, value) => (subject, segment) => {
    const found = read(subject, segment);
    return found < value || found > value;
  },
  '<': (read, value) => (subject, segment) => read(subject, segment) < value,
  '<=': (read, value) => (subject, segment) => read(subject, segment) <= value,
  '>': (read, value) => (subject, segment) => read(subject, segment) > value,
  '>=': (read, value) => (subject, segment) => read(subject, segment) >= value,
};

function numberOf(name: string, field: NumberField, value: Token): number {
  const named = field.names?.get(value.text.toLowerCase());
  if (named !== undefined) return named;
  if (value.kind === 'word' && /^0x[\da-f]{1,13}$/i.test(value.text)) return Number(value.text);
  const decimal = field.fraction === true ? /^\d{1,15}(\.\d{1,9})?$/ : /^\d{1,15}$/;
  if (value.kind === 'word' && decimal.test(value.text)) return Number(value.text);
  if (field.names === undefined) throw new FilterError(`${name} is compared with a number`, value.at);
  const hint = didYouMean(value.text, field.names.keys()) || ': a number, or a name such as push or ack';
  throw new FilterError(`no ${name} is called ${quoted(value.text)}${hint}`, value.at);
}

function addressTest({ read }: AddressField, value: Token): Predicate {
  const parsed = parseCidr(value.text);
  if (!parsed.ok) throw new FilterError(parsed.error.replace(/\.$/, ''), value.at);
  const set = new CidrSet([parsed.cidr]);
  return (subject) => set.has(read(subject));
}

function nameTest(name: string, { names, read }: NameField, value: Token): Predicate {
  const wanted = value.text.toLowerCase();
  if (names.includes(wanted)) return (subject) => read(subject) === wanted;
  const hint = didYouMean(value.text, names) || `: one of ${names.join(', ')}`;
  throw new FilterError(`no ${name} is called ${quoted(value.text)}${hint}`, value.at);
}

/** Something else than the value, but something. */
function negated(isIn: Predicate, field: NameField | AddressField): Predicate {
  return (subject, segment) => {
    const found = field.read(subject);
    return found !== null && found !== '' && !isIn(subject, segment);
  };
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 40));
