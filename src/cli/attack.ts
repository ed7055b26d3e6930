import { createHash } from 'node:crypto';
import type { Command } from 'commander';
import { join } from 'node:path';
import type { Ranks } from '../mpi/ranks.ts';
import type { ClassInfo } from '../data/dataset.ts';
import { startCrew } from '../robustness/benchmarks/crew/crew.ts';
import { AdversarialSet } from '../robustness/attacks/adversarial-set.ts';
import type { Attack } from '../robustness/attacks/attack.ts';
import type { Aim } from '../robustness/attacks/examine.ts';
import { ATTACKS } from '../robustness/attacks/registry.ts';
import { runAttack } from '../robustness/attacks/run-attack.ts';
import { savedAttack, savedRequest } from '../robustness/attacks/saved.ts';
import type { Space } from '../robustness/attacks/session-model.ts';
import { FrameworkError, nearest } from '../util/errors.ts';
import { settingOption } from './analyze.ts';
import { printAttack, type AttackMade } from './attack-output.ts';
import { attackProgress } from './attack-progress.ts';
import { choiceOptions, epsilonOption, outputOptions } from './attack-options.ts';
import { onlyWhen } from './conflicts.ts';
import {
  checkCheckpoints,
  checkpointsOptions,
  imageOptions,
  ofRank,
  withContext,
  type ContextOptions,
  type Means,
} from './contexts.ts';
import { untilInterrupted } from './interrupt.ts';
import { sharedByRanks } from './start-ranks.ts';
import { ProgressLine } from './progress-line.ts';

interface AttackOptions extends ContextOptions {
  readonly eps?: readonly number[];
  readonly seed?: number;
  readonly space?: Space;
  readonly targeted?: string;
  readonly eightBit?: boolean;
  readonly save?: string;
  readonly target?: readonly string[];
  readonly from?: string;
}

/** `largekernel attack <attack>`: one command each, with its own settings. */
export function addAttack(command: Command): void {
  for (const attack of ATTACKS) {
    const own = command.command(attack.id).description(attack.description);
    checkpointsOptions(own);
    imageOptions(own, { needs: 'images' });
    epsilonOption(own, attack.epsilons);
    for (const [key, field] of Object.entries(attack.settings)) own.addOption(settingOption(key, field));
    choiceOptions(own, attack);
    own
      .option('--save <folder>', 'keep the adversarial images: float32 pixels of [0, 1], a .npy each')
      .option('--target <run|file...>', 'also try the images on these models: transfer');
    outputOptions(own).action((options: AttackOptions) =>
      sharedByRanks(options.ranks, {
        use: (ranks) => attackAll(attack, ofRank(options, ranks), ranks),
        check: () => check(options),
        keeps: true,
      }),
    );
    onlyWhen(
      own,
      'without --save, which keeps results beside the images',
      ['--out'],
      ({ has }) => !has('--save'),
    );
  }
  const saved = command.command('saved').description('adversarial images that --save kept, on any model');
  checkpointsOptions(saved);
  imageOptions(saved, { needs: 'images' });
  saved.requiredOption('--from <folder>', 'the folder of --save');
  epsilonOption(saved, undefined);
  outputOptions(saved).action((options: AttackOptions) =>
    sharedByRanks(options.ranks, {
      use: (ranks) => trySaved(ofRank(options, ranks), ranks),
      check: async () => {
        await AdversarialSet.open(options.from ?? '');
        await check(options);
      },
      keeps: true,
    }),
  );
}

async function check({ checkpoint, target = [], ...options }: AttackOptions): Promise<void> {
  await checkCheckpoints('attack', [...checkpoint, ...target], { checkpoint, ...options });
}

async function attackAll(attack: Attack, options: AttackOptions, ranks: Ranks | undefined): Promise<void> {
  await overCheckpoints(options, ranks, async (checkpoint, means) => {
    const { save, target = [] } = options;
    const folder = `attack-${attack.id}-${identityOf(attack, options)}`;
    let made: AttackMade | undefined;
    let images: string | undefined;
    const use = { needs: 'images', use: 'attack', folder } as const;
    await withContext(use, checkpoint, options, means, async (context) => {
      const several = options.checkpoint.length > 1;
      const model = `${context.model.name}-${options.checkpoint.indexOf(checkpoint) + 1}`;
      images =
        save === undefined
          ? target.length > 0
            ? join(context.folder, 'images')
            : undefined
          : several
            ? join(save, model)
            : save;
      const own = save === undefined || images === undefined ? context.folder : join(images, 'evaluation');
      const request = {
        attack,
        settings: settingsOf(attack, options),
        epsilons: options.eps ?? attack.epsilons,
        seed: options.seed ?? 0,
        space: options.space ?? 'pixel',
        aim: aimOf(options.targeted, context.classNames),
        eightBit: options.eightBit === true,
        save: images,
      } as const;
      const progress = attackProgress(means.line, context.model, attack, request);
      if (options.dryRun === true) return progress.plan(context, options.json === true);
      const result = await runAttack(
        { ...context, ...progress.context, folder: own },
        { ...request, onPasses: progress.onPasses },
      );
      made = { checkpoint, result, file: join(own, 'result.json'), images, transfer: [] };
    });
    if (made === undefined || images === undefined) return made;
    const set = await AdversarialSet.open(images);
    const transfer: AttackMade[] = [];
    for (const other of target)
      transfer.push(await onSaved(set, other, options, means, join('transfer', folder)));
    return { ...made, transfer };
  }).then((made) => printAttack(attack, made, options));
}

async function trySaved(options: AttackOptions, ranks: Ranks | undefined): Promise<void> {
  const set = await AdversarialSet.open(options.from ?? '');
  const attack = savedAttack(set);
  const made = await overCheckpoints(options, ranks, async (checkpoint, means) => {
    const hash = identityOf(attack, { ...options, save: options.from ?? '' });
    return onSaved(set, checkpoint, options, means, `attack-saved-${hash}`);
  });
  await printAttack(attack, made, options);
}

/** Saved images on one model. */
async function onSaved(
  set: AdversarialSet,
  checkpoint: string,
  options: AttackOptions,
  means: Means,
  folder: string,
): Promise<AttackMade> {
  let made: AttackMade | undefined;
  await withContext(
    { needs: 'images', use: 'attack', folder },
    checkpoint,
    options,
    means,
    async (context) => {
      const request = savedRequest(set, context.imageSize, options.eps);
      const progress = attackProgress(means.line, context.model, request.attack, request);
      const result = await runAttack(
        { ...context, ...progress.context },
        { ...request, onPasses: progress.onPasses },
      );
      made = {
        checkpoint,
        result,
        file: join(context.folder, 'result.json'),
        images: set.folder,
        transfer: [],
      };
    },
  );
  if (made === undefined) throw new FrameworkError('attack/set', `${checkpoint} was not evaluated.`);
  return made;
}

/** Runs one checkpoint after the other until all are done or somebody stops it. */
async function overCheckpoints(
  options: AttackOptions,
  ranks: Ranks | undefined,
  work: (checkpoint: string, means: Means) => Promise<AttackMade | undefined>,
): Promise<readonly AttackMade[]> {
  if (options.checkpoint.length > 1 || options.target !== undefined) await check(options);
  const crew = options.workers === undefined ? undefined : startCrew(options.workers);
  const line = new ProgressLine(options.json === true);
  const made: AttackMade[] = [];
  try {
    await untilInterrupted(
      async (signal) => {
        for (const checkpoint of options.checkpoint) {
          const one = await work(checkpoint, { crew, signal, line, ranks });
          line.clear();
          if (one !== undefined) made.push(one);
        }
      },
      undefined,
      ranks,
    );
  } finally {
    line.clear();
    await crew?.close();
  }
  return made;
}

function settingsOf({ settings }: Attack, options: AttackOptions): Readonly<Record<string, unknown>> {
  const given = options as unknown as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(settings).map(([key, { default: usual }]) => [key, given[key] ?? usual]),
  );
}

/** @throws FrameworkError `attack/class` */
function aimOf(mode: string | undefined, names: readonly ClassInfo[]): Aim {
  if (mode === undefined) return 'any';
  if (mode === 'random' || mode === 'least-likely') return mode;
  const index = names.findIndex(({ id, name }) => id === mode || name === mode);
  if (index >= 0) return index;
  const near = nearest(mode, ['random', 'least-likely', ...names.flatMap(({ id, name }) => [id, name])]);
  throw new FrameworkError('attack/class', `--targeted ${mode} is no class of the model.`, {
    hint: near === undefined ? 'Give random, least-likely, or the name of a class.' : `Did you mean ${near}?`,
  });
}

/** Results of different questions have different folders. */
function identityOf(attack: Attack, options: AttackOptions): string {
  const {
    eps = attack.epsilons,
    seed,
    space,
    targeted,
    eightBit,
    limit,
    data,
    split,
    set,
    model,
    entry,
    save,
    target,
  } = options;
  const asked = [
    settingsOf(attack, options),
    eps,
    seed,
    space,
    targeted,
    eightBit,
    limit,
    data,
    split,
    set,
    model,
    entry,
  ];
  const keeps = save !== undefined || (target?.length ?? 0) > 0;
  return createHash('sha256')
    .update(JSON.stringify([...asked, keeps && (save ?? true)]))
    .digest('hex')
    .slice(0, 8);
}
