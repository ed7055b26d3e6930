/** Renders jobs on worker threads, or without any in the process itself. */
import { Worker } from 'node:worker_threads';
import type { Dataset, DatasetSpec } from './dataset.ts';
import { renderer } from './render.ts';
import type { RenderJob, RenderOptions, RenderResult } from './render.ts';
import { FrameworkError, defined, messageOf } from '../util/errors.ts';

/** What a worker is started with. */
export interface WorkerSetup {
  readonly spec: DatasetSpec;
  /** Samples the loader found: a worker that finds another number must not go on. */
  readonly length: number;
  readonly options: RenderOptions;
}

export interface ToWorker {
  readonly id: number;
  readonly job: RenderJob;
}

export type FromWorker =
  | { readonly id: number; readonly result: RenderResult }
  | {
      readonly id: number;
      readonly error: { readonly code: string; readonly message: string; readonly hint: string | undefined };
    };

/** Lets a reader that stops early take back the jobs no worker has begun. */
export interface Cancellation {
  cancelled: boolean;
}

export interface Pool {
  run(job: RenderJob, cancellation: Cancellation): Promise<RenderResult>;
  close(): Promise<void>;
}

/** Rejects a job that was taken back, and a reader that waits on a loader that is closed. */
export function cancelled(): FrameworkError {
  return new FrameworkError('data/cancelled', 'the loader was closed, or its reader has left');
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

interface Task {
  readonly job: RenderJob;
  readonly cancellation: Cancellation;
  readonly resolve: (result: RenderResult) => void;
  readonly reject: (error: FrameworkError) => void;
}

/** Jobs a worker holds at once: the second is there when the first is done. */
const JOBS_PER_WORKER = 2;

/** Threads that keep the process alive only while they have work. */
export class WorkerPool implements Pool {
  private readonly workers: { readonly thread: Worker; readonly tasks: Map<number, Task> }[];
  private readonly queue: Task[] = [];
  private nextId = 0;
  private failure: FrameworkError | undefined;

  constructor(count: number, setup: WorkerSetup) {
    this.workers = Array.from({ length: count }, (_, number) => {
      const thread = new Worker(new URL('./worker-entry.mjs', import.meta.url), {
        workerData: setup,
        // The entry registers tsx itself; flags of this process (a test runner's, tsx's) would do so twice.
        execArgv: [],
        name: `loader ${number}`,
      });
      const tasks = new Map<number, Task>();
      thread.unref();
      thread.on('message', (message: FromWorker) => this.settle(tasks, message));
      thread.on('error', (error) => this.fail(number, `it failed: ${messageOf(error)}`));
      thread.on('exit', (code) => this.fail(number, `it ended with exit code ${code}`));
      return { thread, tasks };
    });
  }

  run(job: RenderJob, cancellation: Cancellation): Promise<RenderResult> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) return reject(this.failure);
      this.queue.push({ job, cancellation, resolve, reject });
      this.dispatch();
    });
  }

  /** Ends the threads, whatever they are doing; open jobs are rejected. */
  async close(): Promise<void> {
    this.stop(cancelled());
    await Promise.all(this.workers.map(({ thread }) => thread.terminate()));
  }

  private dispatch(): void {
    for (;;) {
      while (this.queue[0]?.cancellation.cancelled === true) this.queue.shift()?.reject(cancelled());
      const least = this.workers.reduce((a, b) => (b.tasks.size < a.tasks.size ? b : a));
      if (this.queue.length === 0 || least.tasks.size >= JOBS_PER_WORKER) return;
      const task = defined(this.queue.shift(), 'a queued job');
      const id = this.nextId++;
      least.tasks.set(id, task);
      least.thread.ref();
      least.thread.postMessage({ id, job: task.job } satisfies ToWorker);
    }
  }

  private settle(tasks: Map<number, Task>, message: FromWorker): void {
    const task = tasks.get(message.id);
    if (task === undefined) return; // rejected when the pool stopped
    tasks.delete(message.id);
    if (tasks.size === 0) this.workers.find((worker) => worker.tasks === tasks)?.thread.unref();
    if ('result' in message) task.resolve(message.result);
    else {
      const { code, message: text, hint } = message.error;
      task.reject(new FrameworkError(code, text, hint === undefined ? {} : { hint }));
    }
    this.dispatch();
  }

  private fail(number: number, found: string): void {
    const tasks = this.workers[number]?.tasks ?? new Map<number, Task>();
    const places = [...tasks.values()].map(({ job }) => job.items.join(', ')).join('; ');
    this.stop(
      new FrameworkError(
        'data/worker-lost',
        `loader worker ${number} is gone: ${found}${places === '' ? '' : `; it held the samples ${places}`}`,
        { hint: 'too little memory is the usual cause: use fewer workers, or 0 to load in this process' },
      ),
    );
  }

  private stop(error: FrameworkError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    const open = [...this.queue.splice(0), ...this.workers.flatMap(({ tasks }) => [...tasks.values()])];
    for (const { thread, tasks } of this.workers) {
      tasks.clear();
      thread.unref();
    }
    for (const task of open) task.reject(error);
  }
}
