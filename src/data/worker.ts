/** A loader's worker thread: opens the data set for itself and renders the jobs it is sent. */
import { parentPort, workerData } from 'node:worker_threads';
import { openDataset } from './datasets.ts';
import type { FromWorker, ToWorker, WorkerSetup } from './pool.ts';
import { renderer } from './render.ts';
import type { Renderer } from './render.ts';
import { FrameworkError, defined, messageOf } from '../util/errors.ts';

const port = defined(parentPort, 'the parent port of a worker');
const setup = workerData as WorkerSetup;

function send(message: FromWorker): void {
  port.postMessage(message);
}

async function start(): Promise<Renderer> {
  const dataset = await openDataset(setup.spec);
  if (dataset.length !== setup.length)
    throw new FrameworkError(
      'data/changed',
      `${dataset.name} had ${setup.length} samples when the loader opened it and has ${dataset.length} in a worker`,
      { hint: 'the data are being written; start again when they are complete' },
    );
  return renderer(dataset, setup.options);
}

const rendering = start();
// Every job reports it; without this a failed start would end the thread before the first job is answered.
rendering.catch(() => undefined);

port.on('message', ({ id, job }: ToWorker) => {
  rendering
    .then((render) => render(job))
    .then((result) => send({ id, result }))
    .catch((error: unknown) => {
      const known = error instanceof FrameworkError ? error : undefined;
      send({
        id,
        error: { code: known?.code ?? 'data/worker', message: messageOf(error), hint: known?.hint },
      });
    });
});
