/** A pool of worker threads that answer jobs, and the other end of it. Jobs and results are plain data. */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { FrameworkError, defined, messageOf } from './errors.ts';
import { threadEntry } from './modules.ts';

interface ToWorker<Job> {
  readonly id: number;
  readonly job: Job;
}

type FromWorker<Result> =
  | { readonly id: number; readonly result: Result }
  | {
      readonly id: number;
      readonly error: { readonly code: string; readonly message: string; readonly hint: string | undefined };
    };

/** Lets a caller who no longer needs the answers cancel jobs that no worker has begun. */
export interface Cancellation {
  cancelled: boolean;
}

/** The error of a cancelled job, and of jobs in a pool that is closed. */
export function cancelled(): FrameworkError {
  return new FrameworkError('data/cancelled', 'the loader was closed, or its reader has left');
}

export interface ThreadOptions<Job> {
  /** The module a thread runs, of `moduleUrl`; it calls `serveJobs`. */
  readonly module: URL;
  /** The threads' name in messages. */
  readonly name: string;
  /** Handed to each thread when it starts. */
  readonly setup: unknown;
  /** Describes a job in the message about a lost thread. */
  readonly describe: (job: Job) => string;
}

interface Task<Job, Result> {
  readonly job: Job;
  readonly cancellation: Cancellation;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: FrameworkError) => void;
}

interface Working<Job, Result> {
  readonly thread: Worker;
  readonly tasks: Map<number, Task<Job, Result>>;
}

/** Jobs that a worker holds at once, so that the second is there when the first is done. */
const JOBS_PER_WORKER = 2;
const NEVER: Cancellation = { cancelled: false };

/** Threads that keep the process alive only while they have work. */
export class ThreadPool<Job, Result> {
  readonly size: number;
  private readonly options: ThreadOptions<Job>;
  private readonly workers: readonly Working<Job, Result>[];
  private readonly queue: Task<Job, Result>[] = [];
  private nextId = 0;
  private failure: FrameworkError | undefined;

  /** @param count at least 1 */
  constructor(count: number, options: ThreadOptions<Job>) {
    this.size = count;
    this.options = options;
    this.workers = Array.from({ length: count }, (_, number) => this.start(number));
  }

  run(job: Job, cancellation: Cancellation = NEVER): Promise<Result> {
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

  private start(number: number): Working<Job, Result> {
    const { module, name, setup } = this.options;
    const thread = new Worker(threadEntry(module), {
      workerData: { module: module.href, setup },
      // The entry registers tsx itself; the flags of this process (a test runner's, tsx's) would do so twice.
      execArgv: [],
      name: `${name} ${number}`,
    });
    const tasks = new Map<number, Task<Job, Result>>();
    thread.unref();
    thread.on('message', (message: FromWorker<Result>) => this.settle(tasks, message));
    thread.on('error', (error) => this.fail(number, `it failed: ${messageOf(error)}`));
    thread.on('exit', (code) => this.fail(number, `it ended with exit code ${code}`));
    return { thread, tasks };
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
      least.thread.postMessage({ id, job: task.job } satisfies ToWorker<Job>);
    }
  }

  private settle(tasks: Map<number, Task<Job, Result>>, message: FromWorker<Result>): void {
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
    const { name, describe } = this.options;
    const tasks = this.workers[number]?.tasks ?? new Map<number, Task<Job, Result>>();
    const places = [...tasks.values()].map(({ job }) => describe(job)).join('; ');
    this.stop(
      new FrameworkError(
        'data/worker-lost',
        `${name} worker ${number} is gone: ${found}${places === '' ? '' : `; it held the samples ${places}`}`,
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

/**
 * Answers the jobs sent to this thread. A start that fails is reported by every job.
 * @param start makes what answers a job from the pool's `setup`
 */
export function serveJobs<Setup, Job, Result>(
  start: (setup: Setup) => Promise<(job: Job) => Promise<Result>>,
): void {
  const port = defined(parentPort, 'the parent port of a worker');
  const answering = start((workerData as { setup: Setup }).setup);
  // Without this a failed start would end the thread before the first job is answered.
  answering.catch(() => undefined);
  const send = (message: FromWorker<Result>): void => port.postMessage(message);
  port.on('message', ({ id, job }: ToWorker<Job>) => {
    answering
      .then((answer) => answer(job))
      .then((result) => send({ id, result }))
      .catch((error: unknown) => {
        const known = error instanceof FrameworkError ? error : undefined;
        send({
          id,
          error: { code: known?.code ?? 'data/worker', message: messageOf(error), hint: known?.hint },
        });
      });
  });
}
