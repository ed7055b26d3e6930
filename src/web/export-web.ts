import { createHash } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Normalization } from '../data/normalization.ts';
import type { EvalConfig } from '../data/transform.ts';
import type { Model } from '../models/model.ts';
import { sha256File } from '../robustness/classifier/session-classifier.ts';
import { readFrost } from '../robustness/corruptions/lib/frost-files.ts';
import { FROST_FILES } from '../robustness/corruptions/lib/frost-textures.ts';
import { FrameworkError, defined } from '../util/errors.ts';
import { makeFolder, writeError } from '../util/files.ts';
import { versionOf } from '../util/modules.ts';
import { pageScript } from './bundle.ts';
import {
  ASSETS,
  NOTE_ASSET,
  NOTE_VERSION,
  PAGE_SCRIPT,
  frostAsset,
  storedEntries,
  type ModelNote,
} from './note.ts';
import { pageHtml } from './page-html.ts';

/** Bytes of weights in one file. Base64 makes them a third longer; hosts of static pages often take no file above 25 MB. */
const PART_BYTES = 12 * 2 ** 20;

export interface WebExport {
  readonly model: Model;
  /** Every entry of the state dict. */
  readonly values: ReadonlyMap<string, Float32Array>;
  readonly imageSize: number;
  readonly normalization: Normalization;
  readonly evalConfig: EvalConfig;
  /** Names of the outputs. */
  readonly classes: readonly string[];
  /** The file that the weights were read from, and what people call it: a run has the name of its folder. */
  readonly file: string;
  readonly name: string;
  /** Image files that the page offers. */
  readonly samples: readonly string[];
}

/**
 * Writes a static folder in which a browser runs the model: `index.html`, the page's script, the weights and the samples. Everything is a
 * script, so that the page works from the file system too.
 * @returns bytes of the page without weights, samples and textures, and of the whole folder
 * @throws FrameworkError `web/folder` where the folder holds something else
 */
export async function exportWeb(
  folder: string,
  what: WebExport,
): Promise<{ readonly page: number; readonly all: number }> {
  const { model, samples } = what;
  if (model.config.channels !== 3)
    throw new FrameworkError(
      'model/config',
      `${model.name} takes images of ${model.config.channels} channels, a page's have 3.`,
    );
  const script = await pageScript();
  await prepare(folder);
  let all = 0;
  const put = async (name: string, text: string) => {
    await writeFile(join(folder, name), text).catch((error: unknown) => {
      throw writeError(join(folder, name), error);
    });
    return (all += Buffer.byteLength(text));
  };
  const asset = (name: string, value: unknown) =>
    put(`${name}.js`, `(globalThis.${ASSETS}??={})[${JSON.stringify(name)}]=${JSON.stringify(value)};\n`);
  await put(PAGE_SCRIPT, script);
  await put('start.js', 'void largekernel.start();\n');
  const page = await put('index.html', pageHtml(`${model.name}, ${what.name}`));
  for (const texture of new Set(FROST_FILES))
    await asset(frostAsset(texture), base64(await readFrost(texture)));
  const weights = [];
  for (const [i, part] of parts(model, what.values).entries()) {
    const name = `weights-${i}`;
    await asset(name, base64(part));
    weights.push({
      asset: name,
      bytes: part.length,
      sha256: createHash('sha256').update(part).digest('hex'),
    });
  }
  const shown = [];
  for (const [i, file] of samples.entries()) {
    await asset(`sample-${i}`, base64(await readFile(file)));
    shown.push({ asset: `sample-${i}`, name: basename(file) });
  }
  await asset(NOTE_ASSET, await noteOf(what, weights, shown));
  return { page, all };
}

async function noteOf(
  { model, imageSize, normalization, evalConfig, classes, file, name }: WebExport,
  weights: ModelNote['weights'],
  samples: ModelNote['samples'],
): Promise<ModelNote> {
  const checkpoint = { name, sha256: await sha256File(file) };
  return {
    version: NOTE_VERSION,
    model: model.name,
    config: model.config,
    imageSize,
    normalization,
    evalConfig,
    classes,
    weights,
    samples,
    checkpoint,
    maker: `largekernel ${versionOf('largekernel')}`,
  };
}

/** An empty folder, or one of an earlier export, whose files are replaced. */
async function prepare(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
    const found = await readdir(folder);
    if (found.length > 0 && !found.includes(PAGE_SCRIPT))
      throw new FrameworkError('web/folder', `${folder} is not empty, and holds no earlier export.`, {
        hint: 'Name a new folder.',
      });
  } catch (error) {
    throw writeError(folder, error);
  }
}

/** The state dict as one stream of little-endian f32, in files' worth. */
function parts(model: Model, values: ReadonlyMap<string, Float32Array>): Uint8Array[] {
  const bytes = storedEntries(model).map(({ name }) => {
    const data = defined(values.get(name), `weights ${name}`);
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  });
  const whole = new Uint8Array(bytes.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const some of bytes) {
    whole.set(some, at);
    at += some.length;
  }
  return Array.from({ length: Math.ceil(whole.length / PART_BYTES) }, (_, i) =>
    whole.subarray(i * PART_BYTES, (i + 1) * PART_BYTES),
  );
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
