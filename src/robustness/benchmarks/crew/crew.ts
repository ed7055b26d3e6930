import { ThreadPool } from '../../../util/threads.ts';
import { moduleUrl } from '../../../util/modules.ts';
import type { ExportJob } from './export-job.ts';
import type { RenderSettings } from './render-items.ts';
import type { PartSource, Place } from '../images/source.ts';

/** Images to be made the model's input. */
export interface RenderItemsJob {
  readonly kind: 'render';
  readonly source: PartSource;
  readonly places: readonly Place[];
  readonly settings: RenderSettings;
  /** (items, frames, 3, imageSize, imageSize) of the whole batch. */
  readonly slot: SharedArrayBuffer;
  /** Position of the first item in the batch. */
  readonly at: number;
}

export type CrewJob = RenderItemsJob | ExportJob;

/** Position of each item that failed, counted in the job, and why. */
export type CrewResult = readonly (readonly [number, string])[];

/** Threads that decode, corrupt and write images. */
export type Crew = ThreadPool<CrewJob, CrewResult>;

/** @param workers at least 1; results do not depend on it */
export function startCrew(workers: number): Crew {
  return new ThreadPool<CrewJob, CrewResult>(workers, {
    module: moduleUrl('./crew-worker', import.meta.url),
    name: 'image',
    setup: null,
    describe: (job) => (job.kind === 'render' ? job.places.join(', ') : job.path),
  });
}
