import { isOneSided, minus } from '../report/columns.ts';
import { CARDS, secondsOn } from '../training/planning/cards.ts';
import { duration } from '../training/log/reporter.ts';
import type { Shown, Todo } from './document.ts';
import type { Estimate } from './estimate.ts';
import type { Measured } from './subjects.ts';
import { macsOfSteps, passesOfSteps, shellLine, type Step } from './work/step.ts';

/** `81.3 ± 0.4`, `0.0 (0.0 to 16.1)` where the interval lies to one side, `81.3` where there is none. */
export function showEstimate({ value, low, high }: Estimate, digits: number): string {
  const rounded = (x: number): string => minus(x.toFixed(digits)).replace(/^−(0(\.0+)?)$/, '$1');
  if (low === undefined || high === undefined) return rounded(value);
  return isOneSided({ value, low, high }, digits)
    ? `${rounded(value)} (${rounded(low)} to ${rounded(high)})`
    : `${rounded(value)} ± ${((high - low) / 2).toFixed(digits)}`;
}

/** `+1.5 (+0.9 to +2.1)` */
export function showDifference({ value, low, high }: Estimate, digits: number): string {
  const signed = (x: number): string => {
    const text = x.toFixed(digits);
    return Number(text) === 0 ? text.replace('-', '') : x > 0 ? `+${text}` : minus(text);
  };
  return low === undefined || high === undefined
    ? signed(value)
    : `${signed(value)} (${signed(low)} to ${signed(high)})`;
}

export function showMeasured(measured: Measured, digits: number): Shown {
  return {
    text: `${showEstimate(measured, digits)}${measured.isComplete ? '' : '*'}`,
    files: measured.sources.map(({ number }) => number),
  };
}

/** Commands and what they cost on a card. @param card its name among those that `plan --for` knows */
export function todoOf(letter: string, what: string, steps: readonly Step[], card: string): Todo {
  const known = CARDS[card];
  const passes = passesOfSteps(steps);
  const time =
    known === undefined ? '' : `, about ${duration(secondsOn(known, macsOfSteps(steps)))} on one ${card}`;
  return {
    letter,
    what,
    commands: steps.map(({ command }) => shellLine(command)),
    cost:
      passes === 0
        ? 'seconds: the weights alone'
        : `${passes.toLocaleString('en')} images through the model${time}`,
  };
}

/** a, b, … z, aa, ab … */
export function letterOf(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : `${letterOf(Math.floor(index / 26) - 1)}${last}`;
}
