/** How a sweep speaks to people while it runs: a rewritten table on a terminal, plain lines elsewhere. */
import type { MetricsRecord } from '../training/log/metrics-log.ts';
import { duration } from '../training/log/reporter.ts';
import type { TrainingSummary } from '../training/run/run-folder.ts';
import type { Weights } from '../training/step/session.ts';
import type { Outcome } from './execute.ts';
import { holderText } from './state.ts';
import type { SweepRun } from './runs.ts';
import { oneRow } from '../util/terminal.ts';

export type BoardStyle = 'terminal' | 'lines' | 'quiet';

export interface Output {
  write(text: string): unknown;
  readonly rows?: number;
}

interface Row {
  readonly id: string;
  state: string;
  isActive: boolean;
  step: number;
  readonly steps: number | undefined;
  loss: number;
  imagesPerSecond: number;
  readonly batch: number;
  top1: Accuracies;
}

type Accuracies = Readonly<Partial<Record<Weights, number>>>;

/** Steps between two lines of one run where the output is not a terminal. */
const PLAIN_EVERY = 100;
/** A terminal is rewritten at most this often, in ms. */
const REDRAW_MS = 200;

export class Board {
  private readonly style: BoardStyle;
  private readonly out: Output;
  private readonly rows: Map<string, Row>;
  private drawn = 0;
  private lastDraw = -Infinity;

  /** @param steps optimiser steps of each run where they are known */
  constructor(
    style: BoardStyle,
    runs: readonly SweepRun[],
    steps: ReadonlyMap<string, number | undefined>,
    out: Output = process.stderr,
  ) {
    this.style = style;
    this.out = out;
    this.rows = new Map(
      runs.map(({ id, recipe }) => [
        id,
        {
          id,
          state: 'waiting',
          isActive: false,
          step: 0,
          steps: steps.get(id),
          loss: NaN,
          imagesPerSecond: NaN,
          batch: recipe.batch.size,
          top1: {},
        },
      ]),
    );
  }

  /** A line that stays. */
  note(line: string): void {
    if (this.style === 'quiet') return;
    this.clear();
    this.out.write(`${line}\n`);
    this.draw(true);
  }

  stage(run: SweepRun, stage: string): void {
    const row = this.rows.get(run.id);
    if (row === undefined) return;
    row.state = stage;
    row.isActive = true;
    if (this.style === 'lines') this.note(`${run.id}: ${stage}`);
    this.draw(true);
  }

  record(run: SweepRun, record: MetricsRecord): void {
    const row = this.rows.get(run.id);
    if (row === undefined) return;
    if (record.kind === 'evaluation') {
      row.top1 = { ...row.top1, [record.weights]: record.top1 };
      if (this.style === 'lines')
        this.note(
          `${run.id}: step ${record.step}, ${accuraciesOf({ [record.weights]: record.top1 }).join('')}`,
        );
    } else {
      Object.assign(row, {
        step: record.step,
        loss: record.loss,
        imagesPerSecond: record.imagesPerSecond ?? NaN,
      });
      if (this.style === 'lines' && record.step % PLAIN_EVERY === 0)
        this.note(`${run.id}: ${progressOf(row)}`);
    }
    this.draw(false);
  }

  end(run: SweepRun, outcome: Outcome): void {
    const row = this.rows.get(run.id);
    if (row === undefined) return;
    row.state = outcome.kind;
    row.isActive = false;
    const top1 = accuraciesOf(row.top1)
      .map((text) => `, ${text}`)
      .join('');
    if (outcome.kind === 'failed') {
      const { stage, exitCode, signal, message } = outcome.failure;
      this.note(`${run.id}: failed in ${stage}, exit ${exitCode ?? signal ?? '?'}: ${inOneLine(message)}`);
    } else if (outcome.kind === 'elsewhere') this.note(`${run.id}: left to ${holderText(outcome.holder)}`);
    else if (this.style === 'lines') this.note(`${run.id}: ${outcome.kind}${top1}`);
    this.draw(true);
  }

  /** Sets what earlier invocations have left. */
  begin(run: SweepRun, state: string, step: number, evaluations: TrainingSummary['evaluations'] = {}): void {
    const row = this.rows.get(run.id);
    const { raw, ema } = evaluations;
    const top1: Accuracies = { ...(raw && { raw: raw.top1 }), ...(ema && { ema: ema.top1 }) };
    if (row !== undefined) Object.assign(row, { state, step, top1 });
  }

  /** Leaves the last table standing. */
  close(): void {
    this.draw(true);
    this.drawn = 0;
  }

  private clear(): void {
    if (this.drawn > 0) this.out.write(`\x1b[${this.drawn}A\x1b[J`);
    this.drawn = 0;
  }

  private draw(now: boolean): void {
    if (this.style !== 'terminal') return;
    const time = performance.now();
    if (!now && time - this.lastDraw < REDRAW_MS) return;
    this.lastDraw = time;
    const lines = this.lines().map((line) => oneRow(line, this.out));
    this.clear();
    this.out.write(lines.map((line) => `${line}\n`).join(''));
    this.drawn = lines.length;
  }

  /** As many rows as the terminal has, those at work first. */
  private lines(): string[] {
    const rows = [...this.rows.values()];
    const most = Math.max(1, (this.out.rows ?? 24) - 3);
    const shown =
      rows.length <= most
        ? rows
        : [...rows].sort((a, b) => Number(b.isActive) - Number(a.isActive)).slice(0, most);
    const width = Math.max(...rows.map(({ id }) => id.length));
    const done = rows.filter(({ state }) => state === 'finished').length;
    const bad = rows.filter(({ state }) => state === 'failed').length;
    const summary = `${done} of ${rows.length} runs finished${bad > 0 ? `, ${bad} failed` : ''}`;
    return [
      ...shown.map((row) => `${row.id.padEnd(width)}  ${row.state.padEnd(11)}  ${progressOf(row)}`.trimEnd()),
      summary,
    ];
  }
}

function progressOf(row: Row): string {
  const parts: string[] = [];
  if (row.step > 0) parts.push(`step ${row.step}${row.steps === undefined ? '' : `/${row.steps}`}`);
  if (row.isActive && Number.isFinite(row.loss)) {
    parts.push(`loss ${row.loss.toFixed(4)}`);
    const hasRate = Number.isFinite(row.imagesPerSecond);
    if (hasRate) parts.push(`${row.imagesPerSecond.toFixed(1)} images/s`);
    if (hasRate && row.steps !== undefined)
      parts.push(`${duration(((row.steps - row.step) * row.batch) / row.imagesPerSecond)} left`);
  }
  parts.push(...accuraciesOf(row.top1));
  return parts.join('  ');
}

/** Numbers of raw and averaged weights, each by its name. */
function accuraciesOf(top1: Accuracies): string[] {
  return (['raw', 'ema'] as const).flatMap((weights) => {
    const value = top1[weights];
    return value === undefined ? [] : [`${weights === 'ema' ? 'EMA' : weights} top-1 ${percent(value)}`];
  });
}

function percent(value: number): string {
  return `${(100 * value).toFixed(2)} %`;
}

/** The error, and what to do where the sweep has an option for it. */
function inOneLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const hint = lines.find((line) => line.startsWith('hint: Add --resume'));
  return [lines[0] ?? 'it said nothing', ...(hint === undefined ? [] : [hint])].join('; ');
}
