import { findRuns, namesOf } from './find-runs.ts';
import { RunWatch } from './run-watch.ts';
import { headOf, pointsFor } from './view.ts';
import type { RunChange, RunView } from './wire.ts';

/** A run that nobody trains is looked at once in so many times. */
const RARELY = 10;

/** Runs below some paths, with those that begin there later. */
export class Runs {
  readonly all: RunWatch[] = [];
  private readonly paths: readonly string[];
  private readonly opened: (run: RunWatch) => void;
  /** How much of each run's curves earlier changes held. */
  private readonly given = new Map<RunWatch, { stride: number; step: number }>();
  private turn = 0;

  /** @param opened told of each run before it is read */
  constructor(paths: readonly string[], opened: (run: RunWatch) => void = () => undefined) {
    this.paths = paths;
    this.opened = opened;
  }

  /** Looks for runs that are not known yet. @returns whether there are any @throws FrameworkError as `findRuns` */
  async find(): Promise<boolean> {
    const folders = await findRuns(this.paths);
    const known = new Set(this.all.map(({ folder }) => folder.root));
    const fresh = folders.filter((folder) => !known.has(folder));
    // Names never change: those of earlier runs are on the page.
    const names = namesOf(known.size === 0 ? folders : [...known, ...fresh]).slice(-fresh.length);
    for (const [i, folder] of fresh.entries()) {
      const run = new RunWatch(names[i] ?? folder, folder);
      this.opened(run);
      await run.refresh();
      this.all.push(run);
    }
    return fresh.length > 0;
  }

  /** All runs as they were read last. */
  views(): RunView[] {
    return this.all.map((run, id) => {
      const stride = run.series.strideFor(pointsFor(this.all.length));
      return { ...headOf(run, id), points: run.series.points(stride) };
    });
  }

  /**
   * Reads what changed in runs that go on, and now and then in the others.
   * @param all looks at every run
   * @returns changes since the last call; a page that knows more already takes them as well
   */
  async poll(all = false): Promise<RunChange[]> {
    const changes: RunChange[] = [];
    this.turn++;
    for (const [id, run] of this.all.entries()) {
      const isGoingOn = run.holder !== undefined;
      if (!all && !isGoingOn && (this.turn + id) % RARELY !== 0) continue;
      if (await run.refresh()) changes.push(this.changeOf(run, id));
    }
    return changes;
  }

  private changeOf(run: RunWatch, id: number): RunChange {
    const stride = run.series.strideFor(pointsFor(this.all.length));
    const given = this.given.get(run);
    const { lastStep: step } = run.series;
    // A run that went back, or whose buckets grew, is given anew.
    const since = given?.stride === stride && given.step <= step ? given.step : 0;
    this.given.set(run, { stride, step });
    return { ...headOf(run, id), points: run.series.points(stride, since) };
  }
}
