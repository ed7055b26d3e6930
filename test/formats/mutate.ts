/** Damaged files: seeded mutations of good ones. Shared by the fuzz test and scripts/fuzz-formats.ts. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unzipSync, zipSync } from 'fflate';
import { openTensors } from '../../src/formats/open.ts';
import { FrameworkError } from '../../src/util/errors.ts';
import { Rng } from '../../src/util/rng.ts';
import { golden } from './fixtures.ts';

const SEEDS =
  'bare.pth wrapped.pth protocol4.pth legacy.pth zip64.pth evil.pth stored.npz deflated.npz v1.npy v3.npy all.safetensors';
const FILES = SEEDS.split(' ');
/** Values that sit on the edges of length and offset fields. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff];
/** Milliseconds and elements no small damaged file may take or make. */
const MOST_MS = 2000;
const MOST_ELEMENTS = 1 << 24;

/** One to four changes: a bit, a byte, a run of bytes, a cut, a copy of one part over another, a longer digit. */
export function mutate(bytes: Uint8Array, rng: Rng): Uint8Array {
  let out = Uint8Array.from(bytes);
  for (let change = rng.int(4); change >= 0 && out.length > 0; change--) {
    const at = rng.int(out.length);
    const length = Math.min(1 + rng.int(16), out.length - at);
    switch (rng.int(7)) {
      case 0:
        out[at]! ^= 1 << rng.int(8);
        break;
      case 1:
        out[at] = EDGES[rng.int(EDGES.length)]!;
        break;
      case 2:
        for (let i = 0; i < length; i++) out[at + i] = rng.int(256);
        break;
      case 3:
        out.fill(EDGES[rng.int(EDGES.length)]!, at, at + length);
        break;
      case 4:
        out = rng.chance(0.3)
          ? out.slice(0, at)
          : Uint8Array.from([...out.slice(0, at), ...out.slice(at + length)]);
        break;
      case 5:
        out.copyWithin(at, rng.int(out.length), rng.int(out.length));
        break;
      default: {
        const digit = out.findIndex((byte, i) => i >= at && byte >= 0x30 && byte <= 0x39);
        if (digit >= 0) out[digit] = 0x30 + rng.int(10);
      }
    }
  }
  return out;
}

/** Changes one member of a ZIP archive and packs it again, so that what lies behind the checksums is tried too. */
function mutateInside(bytes: Uint8Array, rng: Rng): Uint8Array {
  const members = unzipSync(bytes);
  const names = Object.keys(members);
  const name = names.find((member) => member.endsWith('/data.pkl')) ?? names[rng.int(names.length)]!;
  return zipSync({ ...members, [name]: mutate(members[name]!, rng) }, { level: rng.chance(0.5) ? 0 : 1 });
}

const saved = new Map<string, Float32Array>();

/** Whether a tensor has the values of the undamaged file. A member of an .npz may have got another name unnoticed. */
async function isAsSaved(seed: string, name: string, values: Float32Array): Promise<boolean> {
  if (!saved.has(`${seed} `)) {
    const file = await openTensors(golden(seed));
    for (const each of file.names()) saved.set(`${seed} ${each}`, await file.read(each));
    saved.set(`${seed} `, new Float32Array());
    await file.close();
  }
  const want = saved.get(`${seed} ${name}`);
  return want === undefined ? seed.endsWith('.npz') : want.every((value, i) => Object.is(value, values[i]));
}

export interface FuzzCounts {
  refused: number;
  opened: number;
  /** files that were read in full although they had been changed: in parts no checksum or header covers */
  readWhole: number;
}

/**
 * Opens and reads mutation `index`; only a FrameworkError may come of it.
 * @throws Error with the seed file and index for any other outcome
 */
export async function fuzzOne(folder: string, index: number, counts: FuzzCounts): Promise<void> {
  const seed = FILES[index % FILES.length]!;
  const path = join(folder, `fuzz-${index % 16}`);
  const rng = new Rng(1, 'fuzz', index);
  const isArchive = !['zip64.pth', 'legacy.pth'].includes(seed) && /\.(pth|npz)$/.test(seed);
  const change = isArchive && rng.chance(0.6) ? mutateInside : mutate;
  await writeFile(path, change(await readFile(golden(seed)), rng));
  const started = performance.now();
  try {
    const file = await openTensors(path);
    counts.opened++;
    try {
      for (const name of file.names()) {
        const count = file.info(name).shape.reduce((a, b) => a * b, 1);
        const values = await file.read(name);
        if (values.length !== count || count > MOST_ELEMENTS)
          throw new Error(`${name} has ${values.length} values for ${count} elements`);
        if (isArchive && change === mutate && !(await isAsSaved(seed, name, values)))
          throw new Error(`${name} was read with other values than were saved`);
      }
      counts.readWhole++;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof FrameworkError) || error.code.startsWith('file/'))
      throw new Error(`mutation ${index} of ${seed}: ${String(error)}`, { cause: error });
    counts.refused++;
  }
  const ms = performance.now() - started;
  if (ms > MOST_MS) throw new Error(`mutation ${index} of ${seed} took ${ms} ms`);
}
