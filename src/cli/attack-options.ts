import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Attack } from '../robustness/attacks/attack.ts';
import { wholeNumber } from './benchmark-options.ts';
import { onlyWhen } from './conflicts.ts';

/** `--eps`. @param usual its default, which the attack knows */
export function epsilonOption(command: Command, usual: readonly number[] | undefined): void {
  const shown = usual?.map((eps) => Number(eps.toPrecision(4))).join(',') ?? 'all that were saved';
  command.option(
    '--eps <list>',
    `radii in units of pixels in [0, 1], such as 0,0.002,8/255 (default: ${shown})`,
    epsilons,
  );
}

export function outputOptions(command: Command): Command {
  return command
    .option('--out <folder>', 'where results go (default: <run>/robustness, or runs/robustness)')
    .option('--figure <file.svg>', 'draw the models side by side')
    .option('--json', 'JSON on standard output');
}

/** Options that only some attacks have. */
export function choiceOptions(command: Command, attack: Attack): void {
  if (attack.needsBounds !== true)
    command.addOption(
      new Option(
        '--space <name>',
        'where ε is measured: pixels of [0, 1], or what the model sees, without bounds',
      )
        .choices(['pixel', 'normalised'])
        .default('pixel'),
    );
  if (attack.canTarget)
    command.option('--targeted <mode>', 'towards a class: random, least-likely, or one by name');
  if (attack.eightBit === true) command.option('--no-eight-bit', 'do not round adversarial images to 8 bits');
  else command.option('--eight-bit', 'round adversarial images to 8 bits, within the ball', false);
  if (attack.draws === 'randomStart')
    onlyWhen(command, 'with --random-start', ['--restarts'], ({ has }) => has('--random-start'));
  if (attack.draws === 'never' && !attack.canTarget) return;
  command.option('--seed <n>', 'of random draws', wholeNumber, 0);
  if (attack.draws === 'always') return;
  const words =
    attack.draws === 'randomStart' ? 'with --random-start or --targeted random' : 'with --targeted random';
  onlyWhen(command, words, ['--seed'], ({ has, value }) => {
    const startsAnywhere = attack.draws === 'randomStart' && has('--random-start');
    return startsAnywhere || value('--targeted') === 'random';
  });
}

/** Radii, ascending. @example epsilons('0,0.002,8/255') */
export function epsilons(text: string): readonly number[] {
  const list = text.split(',').map((word) => {
    const [top = '', bottom = '1'] = word.split('/').map((part) => part.trim());
    const value = top === '' ? NaN : Number(top) / Number(bottom);
    if (!(Number.isFinite(value) && value >= 0))
      throw new InvalidArgumentError(`${word} is no radius: numbers of at least 0, separated by commas.`);
    return value;
  });
  return [...new Set(list)].sort((a, b) => a - b);
}
