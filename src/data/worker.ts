/** A loader's worker thread: opens the data set for itself and renders the jobs it is sent. */
import { serveJobs } from '../util/threads.ts';
import { openUnchanged } from './datasets.ts';
import type { WorkerSetup } from './pool.ts';
import type { RenderJob, RenderResult } from './render.ts';
import { renderer } from './render.ts';

serveJobs<WorkerSetup, RenderJob, RenderResult>(async ({ spec, length, options }) =>
  renderer(await openUnchanged(spec, length), options),
);
