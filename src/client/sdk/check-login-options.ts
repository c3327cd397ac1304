import {
  checkNumber,
  checkObject,
  checkOneOf,
  checkType,
  type GivenOptions,
} from '../../base/check-option.ts';
import { checkSeal } from './check-session-options.ts';

/** What every kind of login takes. @throws GatewayError `config_invalid`: which option, and what it must be. */
export function checkLoginOptions(given: GivenOptions): void {
  checkOneOf(given, 'tokenIn', ['body', 'header']);
  checkObject(given, 'client');
  checkSeal(given.seal);
  checkType(given, 'allowHttp', 'boolean', 'true or false');
  checkNumber(given, 'loginTimeoutMs', 1, 3_600_000);
  checkType(given, 'fetch', 'function', 'a function');
}
