import { GATEWAY_ERRORS, GatewayError } from '../../src/base/errors.ts';

/** What went wrong, for the person at the terminal. */
export function failureText(thrown: unknown): string {
  // Lines that begin with the position: editors and people both find it.
  if (thrown instanceof GatewayError && thrown.code === 'config_invalid') return thrown.message;
  if (thrown instanceof GatewayError) return `kcpgate: ${withSentence(thrown)}`;
  return `kcpgate: ${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}`;
}

function withSentence({ code, message }: GatewayError): string {
  const sentence = GATEWAY_ERRORS[code];
  return message === sentence ? message : `${message}. ${sentence}`;
}
