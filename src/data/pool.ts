/** Renders jobs on worker threads, or without any in the process itself. */
import type { Dataset, DatasetSpec } from './dataset.ts';
import { renderer } from './render.ts';
import type { RenderJob, RenderOptions, RenderResult } from './render.ts';
import type { Cancellation } from '../util/threads.ts';
import { ThreadPool, cancelled } from '../util/threads.ts';
import { moduleUrl } from '../util/modules.ts';

/** The setup of a worker. */
export interface WorkerSetup {
  readonly spec: DatasetSpec;
  /** Samples the loader found: a worker that finds another number must not go on. */
  readonly length: number;
  readonly options: RenderOptions;
}

export interface Pool {
  run(job: RenderJob, cancellation: Cancellation): Promise<RenderResult>;
  close(): Promise<void>;
}

export function inProcessPool(dataset: Dataset, options: RenderOptions): Pool {
  const render = renderer(dataset, options);
  return {
    run: async (job, cancellation) => {
      if (cancellation.cancelled) throw cancelled();
      return render(job);
    },
    close: async () => undefined,
  };
}

export function workerPool(count: number, setup: WorkerSetup): Pool {
  return new ThreadPool<RenderJob, RenderResult>(count, {
    module: moduleUrl('./worker', import.meta.url),
    name: 'loader',
    setup,
    describe: ({ items }) => items.join(', '),
  });
}
