import { duration } from '../training/log/reporter.ts';
import { oneRow } from '../util/terminal.ts';

export interface Amount {
  readonly done: number;
  /** How many of those done belong to an earlier run, which says nothing about the speed of this one. */
  readonly before: number;
  readonly total: number;
}

/** Where the output is not a terminal: the first line after so long, and how long after one the next. */
const PLAIN = { after: 5, every: 20 };

/** How far a long command has come: one rewritten line on a terminal, a full line now and then elsewhere. On standard error. */
export class ProgressLine {
  private readonly isQuiet: boolean;
  private start = { seconds: 0, done: 0, total: -1 };
  private shown = -Infinity;
  private readonly begun: number;
  private readonly clock: () => number;
  private isOpen = false;

  /** @param clock in seconds */
  constructor(isQuiet: boolean, clock = () => performance.now() / 1000) {
    this.isQuiet = isQuiet;
    this.clock = clock;
    this.begun = clock();
  }

  /** @param failures images that could not be read so far */
  show(what: string, { done, before, total }: Amount, failures: number): void {
    const now = this.clock();
    // The clock starts with the first news of something new.
    if (total !== this.start.total || done === before) this.start = { seconds: now, done, total };
    if (this.isQuiet) return;
    const isTerminal = process.stderr.isTTY;
    if (!isTerminal && now - this.begun < PLAIN.after) return;
    if (now - this.shown < (isTerminal ? 0.1 : PLAIN.every) && done < total) return;
    this.shown = now;
    const rate = (done - this.start.done) / (now - this.start.seconds);
    const left = rate > 0 ? `  ${rate.toFixed(1)}/s  ${duration((total - done) / rate)} left` : '';
    const bad = failures > 0 ? `  ${failures} unreadable` : '';
    const text = `${what}  ${done} of ${total}${left}${bad}`;
    process.stderr.write(isTerminal ? `\r\x1b[K${oneRow(text, process.stderr)}` : `${text}\n`);
    this.isOpen = isTerminal;
  }

  /** Ends the rewritten line, before anything else is printed. */
  clear(): void {
    if (this.isOpen) process.stderr.write('\r\x1b[K');
    this.isOpen = false;
  }
}
