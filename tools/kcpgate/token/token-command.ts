import { InvalidArgumentError, Option, type Command } from 'commander';
import { SEALS } from '../../../src/gateway/config/config.ts';
import { EXIT_CODE_HELP } from '../exit-code.ts';
import { durationOption, wholeNumberOption } from '../option-value.ts';
import type { InspectOptions } from './inspect.ts';
import type { Claims, JwtOptions } from './jwt.ts';
import type { TicketOptions } from './ticket.ts';
import type { OutputOptions } from './write-secret.ts';

/** Adds `token` and what stands below it to the program. */
export function addTokenCommand(program: Command): void {
  const token = program
    .command('token')
    .description('make keys, tokens to try a login with, and tickets; look into them')
    .addHelpText('after', HELP + EXIT_CODE_HELP);
  addKeyCommand(token);
  addJwtCommand(token);
  addTicketCommand(token);
  addInspectCommand(token);
}

function addKeyCommand(token: Command): void {
  addOutOption(
    token
      .command('key')
      .description('make a random key of 32 bytes: ticket key, reset key, secret of HS256, static token'),
  ).action(async (options: OutputOptions) => {
    const [{ randomBytes }, { writeSecret }] = await Promise.all([
      import('node:crypto'),
      import('./write-secret.ts'),
    ]);
    writeSecret(randomBytes(32).toString('base64url'), options, process.stdout);
  });
}

function addJwtCommand(token: Command): void {
  const command = token
    .command('jwt')
    .description('sign a JSON Web Token, to try `login.auth: jwt` with')
    .option('--secret-file <file>', 'sign with the secret in this file (HS256)')
    .option('--key-file <file>', 'sign with this private key in PEM: Ed25519 (EdDSA) or RSA (RS256)')
    .requiredOption('--subject <text>', 'who it is for')
    .option('--subject-claim <name>', 'claim that names the subject', 'sub')
    .addOption(durationOf('--ttl', 'how long it is valid', '1h'))
    .option('--issuer <text>', 'who says so (iss)')
    .option('--audience <text>', 'whom it is meant for (aud)')
    .option('--kid <text>', 'id of the key, for key sets')
    .option('--claim <name=value>', 'another claim; JSON if it is, else text; may be repeated', addClaim, {});
  addOutOption(command).action(async (options: JwtOptions & OutputOptions) => {
    const [{ makeJwt }, { writeSecret }] = await Promise.all([
      import('./jwt.ts'),
      import('./write-secret.ts'),
    ]);
    writeSecret(await makeJwt(options, Date.now()), options, process.stdout);
  });
}

function addTicketCommand(token: Command): void {
  const command = addKeyOptions(
    token.command('ticket').description('issue a ticket and all that opens a session with it, as JSON'),
  )
    .option('--reset-key-file <file>', 'file with the reset key (default: as configured, or derived)')
    .option(
      '--gateway-id <n>',
      'gateway that will hold the session (default: as configured)',
      wholeNumberOption(0, 255),
    )
    .option('--subject <text>', 'who it is for')
    .option('--claim <name=value>', 'a claim; JSON if it is, else text; may be repeated', addClaim, {})
    .addOption(durationOf('--ttl', 'how long it opens a session', '12h'))
    .addOption(
      new Option('--seal <name>', 'protection of the session').choices(SEALS).default('aes-128-gcm'),
    );
  addOutOption(command).action(async (options: TicketOptions & OutputOptions) => {
    const [{ makeTicket }, { writeSecret }] = await Promise.all([
      import('./ticket.ts'),
      import('./write-secret.ts'),
    ]);
    writeSecret(JSON.stringify(makeTicket(options), null, 2), options, process.stdout);
  });
}

function addInspectCommand(token: Command): void {
  addKeyOptions(
    token
      .command('inspect')
      .description('show what a ticket or JSON Web Token says, as JSON; the secret of a ticket is left out')
      .argument('<token>', 'the ticket or token; - reads it from standard input'),
  ).action(async (text: string, options: InspectOptions) => {
    const [{ inspect }, { readFileSync }] = await Promise.all([import('./inspect.ts'), import('node:fs')]);
    const given = text === '-' ? readFileSync(STANDARD_INPUT, 'utf8') : text;
    process.stdout.write(`${JSON.stringify(inspect(given.trim(), options, Date.now()), null, 2)}\n`);
  });
}

const STANDARD_INPUT = 0;
const MAX_TTL_MS = 3650 * 86_400_000;

/** The options that name ticket keys. */
function addKeyOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'take the keys of this configuration')
    .option('--key-file <file>', 'take the ticket key in this file')
    .option('--key-id <n>', 'id of the key in --key-file', wholeNumberOption(0, 255));
}

function addOutOption(command: Command): Command {
  return command.option('--out <file>', 'write it to a new file that only its owner can read');
}

function durationOf(flag: string, text: string, initial: string): Option {
  const parse = durationOption(1000, MAX_TTL_MS);
  return new Option(`${flag} <duration>`, text).argParser(parse).default(parse(initial), initial);
}

function addClaim(argument: string, earlier: Claims): Claims {
  const equals = argument.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('Write name=value.');
  return { ...earlier, [argument.slice(0, equals)]: jsonOrText(argument.slice(equals + 1)) };
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const HELP = `
Examples:
  kcpgate token key --out ticket.key
  kcpgate token jwt --secret-file jwt.secret --subject alice --ttl 10m
  kcpgate token jwt --key-file ed25519.pem --subject alice --issuer https://id.example
  kcpgate token ticket -c gateway.yaml --subject alice
  kcpgate token inspect -c gateway.yaml <ticket>

Keys are text: 32 random bytes in base64url. They go into files of their own (login.ticket_keys[].key_file,
login.reset_key_file, login.jwt.secret_file), never into a log or a repository.
`;
