import type { Command } from 'commander';
import { FrameworkError } from '../util/errors.ts';

/** The options given on the command line. */
export interface Given {
  /** Whether an option was given, by its flag: `--json`. */
  readonly has: (flag: string) => boolean;
  /** The value an option has, given or not. */
  readonly value: (flag: string) => unknown;
  readonly args: readonly string[];
}

/** Options that have an effect only beside, or without, others. */
export interface Condition {
  readonly flags: readonly string[];
  /** As in "--limit has an effect only with --benchmarks". */
  readonly words: string;
  readonly holds: (given: Given) => boolean;
}

const conditions = new WeakMap<Command, Condition[]>();

/** The conditions a command was declared with. */
export function conditionsOf(command: Command): readonly Condition[] {
  return conditions.get(command) ?? [];
}

/**
 * Refuses options where they would do nothing, before the command does anything.
 * @param words what they belong to: `with --benchmarks`
 * @example onlyWhen(command, 'with --out', ['--image'], ({ has }) => has('--out'))
 */
export function onlyWhen(
  command: Command,
  words: string,
  flags: readonly string[],
  holds: (given: Given) => boolean,
): Command {
  const before = conditions.get(command);
  conditions.set(command, [...(before ?? []), { flags, words, holds }]);
  if (before === undefined)
    command.hook('preAction', () => {
      check(command);
    });
  return command;
}

function check(command: Command): void {
  const attribute = (flag: string) =>
    command.options.find(({ long, negate }) => long === flag && !negate)?.attributeName() ??
    command.options.find(({ long }) => long === flag)?.attributeName() ??
    flag;
  const given: Given = {
    has: (flag) => command.getOptionValueSource(attribute(flag)) === 'cli',
    value: (flag) => command.getOptionValue(attribute(flag)) as unknown,
    args: command.args,
  };
  for (const { flags, words, holds } of conditionsOf(command)) {
    const flag = flags.find((each) => given.has(each));
    if (flag === undefined || holds(given)) continue;
    throw new FrameworkError('cli/option', `${flag} was given, but it has an effect only ${words}.`, {
      hint: `Leave it out; \`largekernel ${nameOf(command)} --help\` lists the options.`,
    });
  }
}

function nameOf(command: Command): string {
  const { parent } = command;
  return parent === null || parent.parent === null ? command.name() : `${nameOf(parent)} ${command.name()}`;
}
