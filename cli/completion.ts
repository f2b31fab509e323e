// SPDX-License-Identifier: Apache-2.0
// writ completion: scripts for shells, made from the table of commands, so that they never lag behind it.
import { Argument, Command } from 'commander';
import type { Option } from 'commander';
import { EXIT_USAGE } from './output.ts';
import type { Terminal } from './output.ts';

type Shell = 'bash' | 'zsh' | 'fish';
const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish'];

const HELP = `
Prints a script that completes commands, options, the values of options that have a fixed set, and files.

Exit codes: 0 printed, 2 wrong use.

Examples:
  source <(writ completion bash)                                    this shell; or into ~/.bashrc
  writ completion zsh > "\${fpath[1]}/_writ"                         then start a new shell
  writ completion fish > ~/.config/fish/completions/writ.fish`;

const flagsOf = (option: Option): readonly string[] => [option.short, option.long].filter((flag) => flag !== undefined);
/** Those of its commands too: which of them is being written is not asked. */
const optionsOf = (command: Command): readonly Option[] => {
  const options = [command, ...command.commands].flatMap((one) => one.options);
  const first = new Map(options.toReversed().map((option) => [option.flags, option]));
  return [...options.filter((option) => first.get(option.flags) === option), command.createOption('-h, --help', 'tell how it is used')];
};
const takesValue = (option: Option): boolean => option.required || option.optional;

/** Single quotes of a POSIX shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const fixedOperands = (command: Command): readonly string[] => [
  ...command.commands.map((inner) => inner.name()),
  ...command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
];

const bash = (commands: readonly Command[]): string => {
  const cases = commands.map((command) => {
    const options = optionsOf(command);
    const values = options.flatMap((option) =>
      takesValue(option) ? [`        ${flagsOf(option).join('|')}) values=${quoted((option.argChoices ?? [':files']).join(' '))} ;;`] : [],
    );
    const flags = options.flatMap(flagsOf).join(' ');
    return [
      `    ${command.name()})`,
      '      case "$previous" in',
      ...values,
      '      esac',
      `      flags=${quoted(flags)}`,
      // The command of a group stands first; files may follow it.
      `      ${command.commands.length === 0 ? '' : '[ "$COMP_CWORD" -gt 2 ] || '}operands=${quoted(fixedOperands(command).join(' '))} ;;`,
    ].join('\n');
  });
  const names = [...commands.map((command) => command.name()), 'help'].join(' ');
  return `# bash completion for writ, made by: writ completion bash
_writ() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" values='' flags='' operands=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ${quoted(`${names} --help --version`)} -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
    help) operands=${quoted(names)} ;;
${cases.join('\n')}
  esac
  if [ -n "$values" ] && [ "$values" != ':files' ]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
  elif [ -z "$values" ] && [ "\${current:0:1}" = - ]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  elif [ -z "$values" ] && [ -n "$operands" ]; then
    COMPREPLY=($(compgen -W "$operands" -- "$current"))
  else
    local IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -F _writ writ
`;
};

/** In _arguments a colon and brackets have a meaning of their own. */
const zshText = (text: string): string => text.replaceAll(/[[\]:\\]/g, (character) => `\\${character}`);

const zshOption = (option: Option): string => {
  const about = `[${zshText(option.description)}]`;
  const choices = option.argChoices === undefined ? '_files' : `(${option.argChoices.join(' ')})`;
  const value = takesValue(option) ? `:value:${choices}` : '';
  return flagsOf(option)
    .map((flag) => quoted(`*${flag}${about}${value}`))
    .join(' ');
};

const zsh = (commands: readonly Command[]): string => {
  const names = commands.map((command) => quoted(`${command.name()}:${zshText(command.description())}`));
  const cases = commands.map((command) => {
    const operands = fixedOperands(command);
    const rest = quoted(
      operands.length === 0 ? '*:file:_files' : `1:value:(${operands.join(' ')})${command.commands.length === 0 ? '' : `' '*:file:_files`}`,
    );
    return `    ${command.name()}) _arguments -s ${[...optionsOf(command).map(zshOption), rest].join(' ')} ;;`;
  });
  return `#compdef writ
# zsh completion for writ, made by: writ completion zsh
_writ() {
  local -a commands
  commands=(${[...names, quoted('help:tell how a command is used')].join(' ')})
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command="\${words[2]}"
  shift words
  (( CURRENT-- ))
  case "$command" in
    help) _describe command commands ;;
${cases.join('\n')}
  esac
}
if [ "\${funcstack[1]}" = _writ ]; then _writ "$@"; else compdef _writ writ; fi
`;
};

const fishQuoted = (text: string): string => `'${text.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`;

const fishOption = (command: string, option: Option): string => {
  const flags = [
    ...(option.short === undefined ? [] : [`-s ${option.short.slice(1)}`]),
    ...(option.long === undefined ? [] : [`-l ${option.long.slice(2)}`]),
  ];
  const values = option.argChoices === undefined ? ' -r -F' : ` -x -a ${fishQuoted(option.argChoices.join(' '))}`;
  const about = fishQuoted(option.description);
  return `complete -c writ -n '__fish_seen_subcommand_from ${command}' ${flags.join(' ')}${takesValue(option) ? values : ''} -d ${about}`;
};

const fish = (commands: readonly Command[]): string => {
  const lines = commands.flatMap((command) => {
    const name = command.name();
    const operands = fixedOperands(command);
    return [
      `complete -c writ -n __fish_use_subcommand -f -a ${name} -d ${fishQuoted(command.description())}`,
      ...optionsOf(command).map((option) => fishOption(name, option)),
      ...(operands.length === 0
        ? []
        : [`complete -c writ -n '__fish_seen_subcommand_from ${name}' -f -a ${fishQuoted(operands.join(' '))}`]),
    ];
  });
  const names = commands.map((command) => command.name()).join(' ');
  return `# fish completion for writ, made by: writ completion fish
${lines.join('\n')}
complete -c writ -n __fish_use_subcommand -f -a help -d 'tell how a command is used'
complete -c writ -n '__fish_seen_subcommand_from help' -f -a ${fishQuoted(names)}
`;
};

const SCRIPTS: Readonly<Record<Shell, (commands: readonly Command[]) => string>> = { bash, zsh, fish };

/** `commands` are asked for when the script is made, this one among them. */
export const completionCommand = (terminal: Terminal, commands: () => Promise<readonly Command[]>): Command =>
  new Command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText('after', HELP)
    .action(async (given: string) => {
      const shell = SHELLS.find((known) => known === given);
      if (shell === undefined) return terminal.exit(EXIT_USAGE);
      terminal.out(SCRIPTS[shell](await commands()));
    });
