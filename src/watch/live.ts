import { setTimeout as sleep } from 'node:timers/promises';
import { versionOf } from '../util/modules.ts';
import { watchFigures } from './figures.ts';
import { watchPage } from './page.ts';
import type { RunWatch } from './run-watch.ts';
import { Runs } from './runs.ts';
import { WatchServer } from './server.ts';
import type { Snapshot } from './wire.ts';

/** Between two looks at the logs, ms: a step is on the page within a second. */
const POLL = 500;
/** New runs are looked for once in so many polls, */
const FIND = 10;
/** and the figures for paper are made anew. */
const FIGURES = 40;

export interface LiveOptions {
  readonly paths: readonly string[];
  /** The first that can be had is taken. Any that is free: 0. */
  readonly ports: readonly number[];
  /** Told of each run that is found; logs are followed even while no page is open. */
  readonly onRun?: (run: RunWatch) => void;
}

/** Runs on a page that moves. While no page is open, nothing is read. */
export class LiveWatch {
  readonly runs: Runs;
  private readonly server: WatchServer;
  private readonly isAlways: boolean;
  private readonly turns: Turns;
  private figures = '';

  private constructor(runs: Runs, server: WatchServer, turns: Turns, isAlways: boolean) {
    this.runs = runs;
    this.server = server;
    this.turns = turns;
    this.isAlways = isAlways;
  }

  /** @throws FrameworkError where a path cannot be read or all ports are taken */
  static async open({ paths, ports, onRun }: LiveOptions): Promise<LiveWatch> {
    const runs = new Runs(paths, onRun);
    await runs.find();
    const turns = new Turns();
    const site = {
      refresh: () => turns.take(() => live.poll(true)),
      page: () => watchPage({ title: titleOf(runs), snapshot: snapshotOf(runs), isLive: true }),
      looks: (id: number) => {
        const run = runs.all[id];
        return run && JSON.stringify(run.looks);
      },
      snapshot: () => JSON.stringify(snapshotOf(runs)),
    };
    const server = await WatchServer.open(site, ports);
    const live: LiveWatch = new LiveWatch(runs, server, turns, onRun !== undefined);
    return live;
  }

  get url(): string {
    return `http://127.0.0.1:${this.server.port}/`;
  }

  /** Follows the runs until told to stop. */
  async follow(stop: AbortSignal): Promise<void> {
    for (let turn = 1; !stop.aborted; turn++) {
      if (this.isAlways || this.server.isWatched) await this.turns.take(() => this.turn(turn));
      await sleep(POLL, undefined, { signal: stop }).catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    await this.server.close();
  }

  private async turn(turn: number): Promise<void> {
    // A folder that cannot be listed now may be there again later.
    const isNew = turn % FIND === 0 && (await this.runs.find().catch(() => false));
    if (isNew) this.server.send('snapshot', JSON.stringify(snapshotOf(this.runs)));
    await this.poll();
    if (turn % FIGURES === 0 || isNew) this.sendFigures();
  }

  private async poll(all = false): Promise<void> {
    const changes = await this.runs.poll(all);
    if (changes.length > 0) this.server.send('change', JSON.stringify(changes));
  }

  private sendFigures(): void {
    const figures = JSON.stringify(watchFigures(this.runs.views()).map(({ id, svg }) => ({ id, svg })));
    if (figures !== this.figures) this.server.send('figures', figures);
    this.figures = figures;
  }
}

/** Work that is done one after another. */
class Turns {
  private last: Promise<unknown> = Promise.resolve();

  take<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(work);
    this.last = mine.catch(() => undefined);
    return mine;
  }
}

export function snapshotOf(runs: Runs): Snapshot {
  return { at: Date.now(), version: versionOf('largekernel'), runs: runs.views() };
}

function titleOf({ all }: Runs): string {
  const [first] = all;
  if (first === undefined) return 'largekernel watch';
  return all.length === 1 ? first.name : `${all.length} runs`;
}
