import { InvalidArgumentError, Option, type Command } from 'commander';
import { EXIT_CODE_HELP } from '../exit-code.ts';

/** How an answer is printed: for people, or as the JSON that the gateway sent. */
export const OUTPUT_FORMATS = ['table', 'json'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** What the options of {@link addAdminOptions} give. */
export interface AdminOptions {
  /** Where the admin API is. */
  readonly admin: URL;
  readonly tokenFile?: string;
  readonly output: OutputFormat;
}

/** Adds the options of whatever talks to a running gateway. */
export function addAdminOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--admin <url>', 'admin API of the gateway, its common.admin_addr')
        .argParser(adminUrl)
        .default(adminUrl(DEFAULT_ADMIN), DEFAULT_ADMIN),
    )
    .option('--token-file <file>', 'file with its common.admin_token')
    .addOption(
      new Option('-o, --output <format>', 'for people, or the answer itself')
        .choices(OUTPUT_FORMATS)
        .default('table'),
    );
}

/** The end of the help of such a command. */
export const ADMIN_HELP = `
A gateway elsewhere: ssh -L 8888:127.0.0.1:8888 gateway.example, and leave --admin as it is.
${EXIT_CODE_HELP}`;

/** Where a gateway has its admin API unless it is configured otherwise. */
const DEFAULT_ADMIN = 'http://127.0.0.1:8888';

/** Reads an address with or without `http://`; a path is what a proxy puts in front. */
export function adminUrl(text: string): URL {
  const whole = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.host === '') {
    throw new InvalidArgumentError('Write it like http://127.0.0.1:8888.');
  }
  if (`${url.username}${url.password}${url.search}${url.hash}` !== '') {
    throw new InvalidArgumentError('Only an address and a path belong there; a token goes into a file.');
  }
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
