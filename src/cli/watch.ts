import type { Command } from 'commander';
import { isFolder } from '../util/files.ts';
import { FrameworkError } from '../util/errors.ts';
import { EventFiles } from '../watch/export.ts';
import { LiveWatch } from '../watch/live.ts';
import type { RunWatch } from '../watch/run-watch.ts';
import { integerUpTo } from './train.ts';
import { onStopRequests } from './interrupt.ts';

interface Options {
  readonly port?: number;
  readonly tensorboard?: string;
  readonly detach?: boolean;
}

/** Where `train` and `ablate` put runs. */
const DEFAULT_PATH = 'runs';
/** A page that was open before is found again under the same address. */
const USUAL_PORT = 6160;

/** `largekernel watch`: runs as they go on, on a page of this machine. */
export function addWatch(command: Command): void {
  command
    .argument('[runs...]', 'run folders, or folders that hold runs at any depth (default: runs)')
    .option('--port <n>', `of 127.0.0.1 (default: ${USUAL_PORT}, or any that is free)`, integerUpTo(65_535))
    .option('--tensorboard <folder>', 'also write the logs there as event files, as they grow')
    .option('--detach', 'go on when the terminal closes or the process that started this one has ended')
    .action(watch);
}

async function watch(paths: readonly string[], { port, detach, tensorboard }: Options): Promise<void> {
  const asked = paths.length === 0 ? [DEFAULT_PATH] : paths;
  if (paths.length === 0 && !(await isFolder(DEFAULT_PATH)))
    throw new FrameworkError(
      'data/no-runs',
      `There is no folder ${DEFAULT_PATH} here, and no other was named.`,
      {
        hint: 'Name a run, or a folder in which runs begin.',
      },
    );
  const events = tensorboard === undefined ? undefined : new EventFiles(tensorboard);
  const live = await LiveWatch.open({
    paths: asked,
    // Another page may be open under the usual port.
    ports: port === undefined ? [USUAL_PORT, 0] : [port],
    ...(events && {
      onRun: (run: RunWatch) => {
        events.follow(run);
      },
    }),
  });
  const stop = new AbortController();
  const off = onStopRequests({
    detach: detach === true,
    asked: () => {
      stop.abort();
    },
    again: () => process.exit(0),
  });
  const { all } = live.runs;
  const found = all.length === 1 ? '1 run' : `${all.length} runs`;
  process.stderr.write(
    `${found} in ${asked.join(', ')}; read-only, for this machine alone; Ctrl-C ends it\n`,
  );
  process.stdout.write(`${live.url}\n`);
  await live.follow(stop.signal);
  off();
  await live.close();
  await events?.settled();
}
