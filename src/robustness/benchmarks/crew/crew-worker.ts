/** A thread that decodes, corrupts and writes images. It keeps the data sets it was last asked for open. */
import { join } from 'node:path';
import type { Dataset, DatasetSpec } from '../../../data/dataset.ts';
import { openUnchanged } from '../../../data/datasets.ts';
import { serveJobs } from '../../../util/threads.ts';
import type { CrewJob, CrewResult } from './crew.ts';
import { exportFile } from './export-job.ts';
import { itemElems, renderItems } from './render-items.ts';
import { loadFile } from '../images/any-folders.ts';
import { loadFrom } from '../images/source.ts';
import type { Load, PartSource } from '../images/source.ts';
import { readClip } from '../images/video.ts';

/** More than are ever in use at once: those of a batch and of the ones made ahead of it. */
const KEPT = 8;

serveJobs<null, CrewJob, CrewResult>(async () => {
  const open = new Map<string, Promise<Dataset>>();
  const datasetOf = (spec: DatasetSpec, length: number): Promise<Dataset> => {
    const key = JSON.stringify([spec, length]);
    const found = open.get(key) ?? openUnchanged(spec, length);
    open.delete(key);
    open.set(key, found); // the one used last stands last
    const [oldest] = open;
    if (open.size > KEPT && oldest !== undefined) {
      open.delete(oldest[0]);
      oldest[1].then((dataset) => dataset.close()).catch(() => undefined); // its jobs have said why it did not open
    }
    return found;
  };
  const loadOf = async (source: PartSource): Promise<Load> => {
    switch (source.kind) {
      case 'clips':
        return (place) => readClip(join(source.folder, String(place)), source.frames);
      case 'files':
        return loadFile(source.folder);
      case 'images':
        return loadFrom(await datasetOf(source.dataset, source.length), source.change);
    }
  };

  return async (job) => {
    const load = await loadOf(job.source);
    if (job.kind === 'export') {
      const failure = await exportFile(load, job);
      return failure === undefined ? [] : [[0, failure]];
    }
    const { places, settings, slot, at } = job;
    const elems = itemElems(settings);
    return renderItems(load, places, settings, new Float32Array(slot, 4 * at * elems, places.length * elems));
  };
});
