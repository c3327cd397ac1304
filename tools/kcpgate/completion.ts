import type { Command, Option } from 'commander';

/** Shells there is a completion for. */
export const COMPLETION_SHELLS = ['bash', 'zsh', 'fish'] as const;
export type CompletionShell = (typeof COMPLETION_SHELLS)[number];

/** A script that completes the subcommands, options and choices of a program. */
export function completionScript(program: Command, shell: CompletionShell): string {
  const shape: ProgramShape = {
    name: program.name(),
    options: optionShapes(program),
    commands: program.commands.map((command) => ({
      name: command.name(),
      text: command.description(),
      options: uniqueOptions([command, ...command.commands]),
      words: [
        ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
        ...command.commands.map((below) => below.name()),
      ],
    })),
  };
  return SCRIPTS[shell](shape);
}

/** The options of commands together: where one stands below another, the line tells what is wanted soon enough. */
function uniqueOptions(commands: readonly Command[]): OptionShape[] {
  const byName = new Map<string, OptionShape>();
  for (const option of commands.flatMap(optionShapes)) {
    const name = option.flags.at(-1) ?? '';
    if (!byName.has(name)) byName.set(name, option);
  }
  return [...byName.values()];
}

interface OptionShape {
  /** `-c` and `--config`, as far as there are. */
  readonly flags: readonly string[];
  readonly text: string;
  readonly takesValue: boolean;
  /** Empty when any value goes. */
  readonly choices: readonly string[];
}

interface CommandShape {
  readonly name: string;
  readonly text: string;
  readonly options: readonly OptionShape[];
  /** What its arguments can be. */
  readonly words: readonly string[];
}

interface ProgramShape {
  readonly name: string;
  readonly options: readonly OptionShape[];
  readonly commands: readonly CommandShape[];
}

function optionShapes(command: Command): OptionShape[] {
  const help = command.createHelp();
  return help.visibleOptions(command).map((option: Option) => ({
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    text: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  }));
}

const SCRIPTS: Readonly<Record<CompletionShell, (program: ProgramShape) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** An empty reply makes bash complete file names: right for options that take a path, harmless for others. */
function bashScript({ name, options, commands }: ProgramShape): string {
  const values = commands.flatMap((command) =>
    command.options
      .filter((option) => option.takesValue)
      .map((option) => {
        const patterns = option.flags.map((flag) => `'${command.name} ${flag}'`).join(' | ');
        const reply =
          option.choices.length === 0
            ? ''
            : ` COMPREPLY=($(compgen -W '${option.choices.join(' ')}' -- "$current"));`;
        return `    ${patterns})${reply} return ;;`;
      }),
  );
  const words = commands.map(
    (command) =>
      `    '${command.name}') words='${[...command.words, ...command.options.flatMap((option) => option.flags)].join(' ')}' ;;`,
  );
  const top = [
    ...commands.map((command) => command.name),
    'help',
    ...options.flatMap((option) => option.flags),
  ];
  return `_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" command='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      ${commands.map((command) => command.name).join(' | ')}) command="$word"; break ;;
    esac
  done
  COMPREPLY=()
  case "$command $previous" in
${values.join('\n')}
  esac
  case "$command" in
    '') words='${top.join(' ')}' ;;
${words.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o bashdefault -o default -F _${name} ${name}
`;
}

function zshScript({ name, options, commands }: ProgramShape): string {
  const describe = commands.map((command) => `    ${zshQuote(`${command.name}:${command.text}`)}`);
  const branches = commands.map(
    (command) => `        ${command.name})
          _arguments ${[...command.options.map(zshOption), ...zshWords(command)].join(' \\\n            ')}
          ;;`,
  );
  return `#compdef ${name}

_${name}() {
  local -a commands
  commands=(
${describe.join('\n')}
  )
  local context state state_descr line
  typeset -A opt_args
  _arguments -C ${options.map(zshOption).join(' \\\n    ')} \\
    '1: :->command' \\
    '*:: :->rest'
  case $state in
    command) _describe -t commands command commands ;;
    rest)
      case $words[1] in
${branches.join('\n')}
      esac
      ;;
  esac
}

if [ "$funcstack[1]" = "_${name}" ]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

function zshOption({ flags, text, takesValue, choices }: OptionShape): string {
  const explained = `[${text.replace(/[[\]\\:]/g, '\\$&')}]`;
  const value = !takesValue ? '' : choices.length > 0 ? `:value:(${choices.join(' ')})` : ':value:_files';
  const [first = '', second] = flags;
  if (second === undefined) return zshQuote(`${first}${explained}${value}`);
  return `${zshQuote(`(${flags.join(' ')})`)}{${flags.join(',')}}${zshQuote(`${explained}${value}`)}`;
}

function zshWords({ words }: CommandShape): string[] {
  return words.length === 0 ? [] : [zshQuote(`*:argument:(${words.join(' ')})`)];
}

function zshQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function fishScript({ name, options, commands }: ProgramShape): string {
  const lines = [
    ...options.map((option) => fishOption(name, '__fish_use_subcommand', option)),
    ...commands.flatMap((command) => {
      const inside = `__fish_seen_subcommand_from ${command.name}`;
      return [
        `complete -c ${name} -n __fish_use_subcommand -f -a ${command.name} -d ${fishQuote(command.text)}`,
        ...(command.words.length === 0
          ? []
          : [`complete -c ${name} -n ${fishQuote(inside)} -f -a ${fishQuote(command.words.join(' '))}`]),
        ...command.options.map((option) => fishOption(name, inside, option)),
      ];
    }),
  ];
  return `${lines.join('\n')}\n`;
}

function fishOption(
  name: string,
  condition: string,
  { flags, text, takesValue, choices }: OptionShape,
): string {
  const parts = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  if (takesValue) parts.push('-r');
  if (choices.length > 0) parts.push('-f', `-a ${fishQuote(choices.join(' '))}`);
  return `complete -c ${name} -n ${fishQuote(condition)} ${parts.join(' ')} -d ${fishQuote(text)}`;
}

function fishQuote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
