import { Argument, type Command, type Option } from 'commander';
import { DATASETS } from '../data/datasets.ts';
import { modelNames } from '../models/registry.ts';
import { listRecipes } from '../recipe/load.ts';
import { listSweeps } from '../sweeps/sweep.ts';
import { CARDS } from '../training/planning/cards.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** `largekernel completion bash|zsh|fish`: a script made from the commands as they are declared. */
export function addCompletion(command: Command): void {
  command
    .addArgument(new Argument('<shell>', 'whose script').choices(SHELLS))
    .addHelpText(
      'after',
      `
To use it:
  bash  eval "$(npx largekernel completion bash)" in ~/.bashrc
  zsh   eval "$(npx largekernel completion zsh)" in ~/.zshrc, after compinit
  fish  npx largekernel completion fish > ~/.config/fish/completions/largekernel.fish
It completes the word largekernel: in a checkout, alias largekernel='npx largekernel'.`,
    )
    .action(async (shell: Shell) => {
      const { buildProgram } = await import('./main.ts');
      process.stdout.write(completionScript(shell, await buildProgram('all'), await valuesByFlag()));
    });
}

/** The words an option may take, by its flag. */
type Values = Readonly<Record<string, readonly string[]>>;

async function valuesByFlag(): Promise<Values> {
  return {
    '--recipe': (await listRecipes()).map(({ name }) => name),
    '--model': modelNames(),
    '--dataset': Object.keys(DATASETS),
    '--for': Object.keys(CARDS),
    '--adapter': ['auto', 'gpu', 'lavapipe', 'swiftshader'],
    ablate: await listSweeps(),
    completion: SHELLS,
  };
}

export function completionScript(shell: Shell, program: Command, values: Values): string {
  return shell === 'fish' ? fishScript(program, values) : bashScript(program, values, shell === 'zsh');
}

/** Each command by the words that call it: `data verify`. */
function commandsOf(program: Command): { words: string; command: Command }[] {
  return program.commands.flatMap((command) => [
    { words: command.name(), command },
    ...command.commands.map((inner) => ({ words: `${command.name()} ${inner.name()}`, command: inner })),
  ]);
}

const flagsOf = ({ options }: Command): string[] => [
  ...options.map(({ long }) => long).filter((flag) => typeof flag === 'string'),
  '--help',
];

const choicesOf = (option: Option, values: Values): readonly string[] =>
  option.argChoices ?? values[option.long ?? ''] ?? [];

/** zsh runs bash's script. */
function bashScript(program: Command, values: Values, isZsh: boolean): string {
  const commands = commandsOf(program);
  const flags = commands.map(({ words, command }) => {
    const inner = command.commands.map((each) => each.name());
    const words_ = [...inner, ...(values[words] ?? []), ...flagsOf(command)];
    return `    '${words}') words='${words_.join(' ')}' ;;`;
  });
  const taking = new Map(
    commands.flatMap(({ command }) =>
      command.options
        .filter(({ required }) => required)
        .map((option): [string, readonly string[]] => [option.long ?? '', choicesOf(option, values)]),
    ),
  );
  const closed = [...taking].filter(([, words]) => words.length > 0);
  const open = [...taking].filter(([, words]) => words.length === 0).map(([flag]) => flag);
  const withInner = program.commands.filter(({ commands: inner }) => inner.length > 0);
  return `${isZsh ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''}_largekernel() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}" words='' prefix=''
  # bash takes the equals sign of --recipe=quickstart for a word of its own, zsh does not
  if [[ "$word" == '=' ]]; then word=''
  elif [[ "$before" == '=' ]]; then before="\${COMP_WORDS[COMP_CWORD-2]}"
  elif [[ "$word" == --*=* ]]; then before="\${word%%=*}" prefix="\${word%%=*}=" word="\${word#*=}"
  fi
  case "$command" in ${withInner.map((each) => each.name()).join('|')}) [ "$COMP_CWORD" -gt 2 ] && command="$command \${COMP_WORDS[2]}" ;; esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${program.commands.map((each) => each.name()).join(' ')} --help --version' -- "$word"))
    return
  fi
  case "$before" in
${closed.map(([flag, words]) => `    ${flag}) COMPREPLY=($(compgen -P "$prefix" -W '${words.join(' ')}' -- "$word") $(compgen -P "$prefix" -f -- "$word")); return ;;`).join('\n')}
    ${open.join('|')}) COMPREPLY=($(compgen -P "$prefix" -f -- "$word")); return ;;
  esac
  case "$command" in
${flags.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))
}
complete -o filenames -F _largekernel largekernel
`;
}

function fishScript(program: Command, values: Values): string {
  const quote = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = program.commands.map(
    (command) =>
      `complete -c largekernel -f -n __fish_use_subcommand -a ${command.name()} -d ${quote(command.description())}`,
  );
  for (const { words, command } of commandsOf(program)) {
    const seen = words.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`);
    const when = `-n ${quote(seen.join('; and '))}`;
    for (const inner of command.commands)
      lines.push(`complete -c largekernel ${when} -f -a ${inner.name()} -d ${quote(inner.description())}`);
    if (values[words] !== undefined)
      lines.push(`complete -c largekernel ${when} -a ${quote(values[words].join(' '))}`);
    for (const option of command.options) {
      const choices = choicesOf(option, values);
      const takes = option.required ? ' -r' : '';
      const offer = choices.length > 0 ? ` -a ${quote(choices.join(' '))}` : '';
      lines.push(
        `complete -c largekernel ${when} -l ${(option.long ?? '').slice(2)}${takes}${offer} -d ${quote(option.description)}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
