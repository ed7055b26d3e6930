import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Device } from '../device/device.ts';
import { cacheFolder } from '../util/cache-folder.ts';
import { FrameworkError, defined, messageOf } from '../util/errors.ts';
import { readSealedIfThere, sealedKind, writeSealed } from '../util/sealed.ts';
import { fingerprintOf, isSameVariant, keyOf, type Problem } from './problem.ts';
import type { ChooseVariant } from '../execution/plan.ts';
import type { Variant } from '../ops/kernels.ts';
import { kernelsOf } from '../execution/kernels.ts';

/** The fastest variant for one problem on one adapter. */
export interface Choice {
  /** Identifies the variants it was chosen from; see `fingerprintOf`. */
  readonly fingerprint: string;
  readonly variant: Variant;
}

/** By the key of a problem. */
export type Choices = ReadonlyMap<string, Choice>;

/** What timings depend on besides the kernels. The processor's name is part of it because software adapters run there. */
export interface AdapterIdentity {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly processor: string;
}

interface StoredChoices {
  readonly adapter: AdapterIdentity;
  readonly choices: Readonly<Record<string, Choice>>;
}

const CHOICES = sealedKind<StoredChoices>('tuned kernels', 1, '`largekernel tune` writes it anew.');

export function identityOf({ kind, name, vendor, architecture, description }: Device): AdapterIdentity {
  const processor = kind === 'gpu' ? '' : (cpus()[0]?.model ?? '');
  return { name, vendor, architecture, description, processor };
}

/** `<cache>/tuning/<adapter>-<hash>.json`: the choices of one adapter and driver. */
export function choicesFile(identity: AdapterIdentity): string {
  const name = identity.name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  const hash = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 8);
  return join(cacheFolder(), 'tuning', `${name}-${hash}.json`);
}

/**
 * The stored choices of an adapter; none if the file is absent, damaged or another adapter's.
 * @param note called if a file exists but cannot be used
 */
export async function readChoices(identity: AdapterIdentity, note: (line: string) => void): Promise<Choices> {
  const file = choicesFile(identity);
  try {
    const stored = await readSealedIfThere(file, CHOICES);
    if (stored === undefined) return new Map();
    if (JSON.stringify(stored.adapter) !== JSON.stringify(identity))
      throw new FrameworkError('file/damaged', `${file} is of another adapter.`);
    return new Map(Object.entries(stored.choices));
  } catch (error) {
    note(`stored tuning is left out: ${messageOf(error)} \`largekernel tune\` writes it anew`);
    return new Map();
  }
}

/** Adds choices to those of an adapter's file, which another process may have written in the meantime. */
export async function saveChoices(identity: AdapterIdentity, added: Choices): Promise<void> {
  const before = await readChoices(identity, () => undefined);
  const choices = Object.fromEntries([...before, ...added]);
  await writeSealed(choicesFile(identity), CHOICES, { adapter: identity, choices });
}

/** Finds the variant chosen for a problem; undefined if there is none, or if it was chosen among other variants. */
export type Lookup = (
  problem: Pick<Problem, 'key' | 'kernels' | 'context' | 'variants'>,
) => Variant | undefined;

/** Looks choices up; a problem's fingerprint is taken once. */
export function lookupIn(choices: Choices): Lookup {
  const known = new Map<string, Variant | undefined>();
  return (problem) => {
    const { key, variants } = problem;
    const choice = choices.get(key);
    if (choice === undefined) return undefined;
    if (!known.has(key)) {
      const isCurrent = choice.fingerprint === fingerprintOf(problem);
      const found = variants.find((variant) => isSameVariant(variant, choice.variant));
      known.set(key, isCurrent ? found : undefined);
    }
    return known.get(key);
  };
}

/** Plans with what a lookup finds, and by rule where it finds nothing. */
export function chooserOf(lookup: Lookup): ChooseVariant {
  return ({ op }, context, variants) =>
    lookup({ key: keyOf(op, context), kernels: kernelsOf(op), context, variants }) ??
    defined(variants[0], `variant of ${op.name}`);
}
