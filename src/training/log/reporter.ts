import type { Evaluation } from '../evaluation/evaluation.ts';
import type { MetricsRecord } from './metrics-log.ts';
import type { Weights } from '../step/session.ts';
import { oneRow } from '../../util/terminal.ts';

/** How a run speaks to people and programs. */
export interface Reporter {
  /** Something worth a line: what was chosen, what was left out. */
  note(line: string): void;
  progress(state: Progress): void;
  /** A sign of life: what is under way. Shown only where nothing else was heard for seconds. Undefined: it is over. */
  working(what: string | undefined): void;
  /** Called with every record that goes into the log. */
  record(record: MetricsRecord): void;
  evaluation(result: Evaluation, weights: Weights, step: number): void;
  /** Something that could not be read and was passed over. */
  failure(line: string): void;
}

export interface Progress {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly epochs: number;
  readonly loss: number;
  readonly lr: number;
  /** This and what is left: NaN after the first step, whose time says nothing of the next ones. */
  readonly imagesPerSecond: number;
  readonly secondsLeft: number;
}

export type Style = 'terminal' | 'lines' | 'json' | 'quiet';

/** One line in this many steps where the output is not a terminal. */
const PLAIN_EVERY = 20;
/** Signs of life, in ms: after how long a silence the first one is shown, and how long after one the next. */
const SIGNS = { terminal: { after: 2000, every: 100 }, lines: { after: 5000, every: 5000 } };

/**
 * `terminal`: one rewritten line; `lines`: one full line every 20 steps; `json`: every record as one line of JSON on standard output;
 * `quiet`: nothing but errors. Everything but JSON goes to standard error.
 */
export function makeReporter(
  style: Style,
  out: { stdout: NodeJS.WritableStream; stderr: NodeJS.WritableStream } = process,
  clock = () => performance.now(),
): Reporter {
  let heard = clock(); // of anything but signs of life
  let shown = -Infinity; // the latest of these
  let open = false; // an unfinished progress line
  const clear = () => {
    if (open) out.stderr.write('\r\x1b[K');
    open = false;
  };
  const say = (line: string) => {
    if (style === 'quiet' || style === 'json') return;
    clear();
    heard = clock();
    out.stderr.write(`${line}\n`);
  };
  return {
    note: say,
    failure: say,
    working(what) {
      if (style === 'quiet' || style === 'json') return;
      if (what === undefined) {
        clear();
        return;
      }
      const now = clock();
      if (now - heard < SIGNS[style].after || now - shown < SIGNS[style].every) return;
      shown = now;
      open = style === 'terminal';
      out.stderr.write(open ? `\r\x1b[K${oneRow(what, out.stderr)}` : `${what}\n`);
    },
    progress(state) {
      heard = clock();
      if (style === 'terminal') {
        out.stderr.write(`\r\x1b[K${oneRow(progressLine(state), out.stderr)}`);
        open = true;
      } else if (
        style === 'lines' &&
        (state.step % PLAIN_EVERY === 0 || state.step === 1 || state.step === state.steps)
      ) {
        say(progressLine(state));
      }
    },
    record(record) {
      if (style === 'json') out.stdout.write(`${JSON.stringify(record)}\n`);
    },
    evaluation(result, weights, step) {
      const percent = (value: number) => `${(100 * value).toFixed(2)} %`;
      say(
        `evaluation after step ${step}, ${weights === 'ema' ? 'averaged' : 'raw'} weights: ` +
          `top-1 ${percent(result.top1)}, top-5 ${percent(result.top5)}, loss ${result.loss.toFixed(4)} (${result.count} images)`,
      );
    },
  };
}

/** Of a rank for which rank 0 speaks: it tells only what is wrong with the images that it alone reads. */
export function reporterOfRank(rank: number, stderr: NodeJS.WritableStream = process.stderr): Reporter {
  return {
    ...makeReporter('quiet'),
    failure(line) {
      stderr.write(`rank ${rank}: ${line}\n`);
    },
  };
}

/** For {@link PipelineCache.onCompile}. */
export function compilingReporter(reporter: Reporter): (done: number, wanted: number) => void {
  return (done, wanted) => {
    reporter.working(done < wanted ? `compiling ${done + 1} of ${wanted}` : undefined);
  };
}

/** Signs of life, in ms between two offers; how often they are shown is the reporter's to say. */
const PULSE = 1000;

/** Shows what is under way, while `work` is, for as long as `what` says something. */
export async function withSigns<T>(
  reporter: Reporter,
  what: () => string | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(() => {
    const text = what();
    if (text !== undefined) reporter.working(text);
  }, PULSE);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    reporter.working(undefined);
  }
}

function progressLine(p: Progress): string {
  const epoch = `epoch ${p.epoch + 1}/${p.epochs}`;
  const rate = Number.isNaN(p.imagesPerSecond)
    ? ''
    : `  ${p.imagesPerSecond.toFixed(p.imagesPerSecond < 10 ? 2 : 0)} images/s  ${duration(p.secondsLeft)} left`;
  return `${epoch}  step ${p.step}/${p.steps}  loss ${p.loss.toFixed(4)}  lr ${p.lr.toExponential(2)}` + rate;
}

/** `2 d 3 h`, `1 h 05 min`, `4 min 10 s`, `12 s` */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?';
  const s = Math.round(seconds);
  const [d, h, min] = [Math.floor(s / 86400), Math.floor((s % 86400) / 3600), Math.floor((s % 3600) / 60)];
  if (d > 0) return `${d} d ${h} h`;
  if (h > 0) return `${h} h ${String(min).padStart(2, '0')} min`;
  return min > 0 ? `${min} min ${String(s % 60).padStart(2, '0')} s` : `${s} s`;
}
