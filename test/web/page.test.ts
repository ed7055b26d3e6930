import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/data/image/decode.ts';
import { encodePng } from '../../src/data/image/encode.ts';
import { evalTransform, toTensor } from '../../src/data/transform.ts';
import { InferenceSession } from '../../src/models/inference.ts';
import { createModel } from '../../src/models/registry.ts';
import { ModelWeights } from '../../src/models/weights.ts';
import { initialise } from '../../src/nn/parameters.ts';
import { corrupt } from '../../src/robustness/corruptions/registry.ts';
import { pageScript } from '../../src/web/bundle.ts';
import { exportWeb } from '../../src/web/export-web.ts';
import { adapters, deviceFor } from '../ops/harness.ts';
import { Browser, CHROMIUM, SWIFTSHADER } from '../browser/chromium.ts';

const SIZE = 32;
const CLASSES = ['ant', '<b>bee</b>', 'cat', 'dog', 'elk', 'fox', 'gnu'];
const model = createModel('convnext-custom', {
  classes: CLASSES.length,
  depths: [1, 1],
  dims: [16, 24],
  kernels: [13, 7],
  layerScaleInit: 0.5,
});
const values = initialise(model.parameters, 3);
const evalConfig = { resize: SIZE, crop: SIZE, squash: false, interpolation: 'bicubic' } as const;
const normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

let top = '';
let folder = '';
const photo = new URL('../golden/image/beetle.jpg', import.meta.url);

beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'largekernel-web-'));
  folder = join(top, 'page');
  const [file, sample] = [join(top, 'weights.bin'), join(top, 'a <sample>.png')];
  await writeFile(file, 'weights');
  await writeFile(sample, await encodePng(await decodeImage(await readFile(photo), 'beetle.jpg')));
  const about = {
    imageSize: SIZE,
    normalization,
    evalConfig,
    classes: CLASSES,
    file,
    name: 'weights',
    samples: [sample],
  };
  await exportWeb(folder, { model, values, ...about });
}, 120_000);

afterAll(() => rm(top, { recursive: true, force: true }));

describe('an exported page', () => {
  it('is at most 1 MB without weights, and needs nothing of Node and nothing from elsewhere', async () => {
    const script = await pageScript();
    expect(script.length).toBeLessThan(1_000_000);
    const foreign = /["']node:|\brequire\(|process\.exit/.exec(script);
    expect(foreign?.[0]).toBeUndefined();
    const html = await readFile(join(folder, 'index.html'), 'utf8');
    expect(html).not.toMatch(/https?:\/\//);
    expect(html).toContain("default-src 'none'");
  });

  it('holds the weights bit for bit, with their hashes', async () => {
    const read = async (name: string) => {
      const text = await readFile(join(folder, `${name}.js`), 'utf8');
      return JSON.parse(text.slice(text.indexOf(']=') + 2, text.lastIndexOf(';'))) as unknown;
    };
    const note = (await read('model')) as { weights: { asset: string; sha256: string }[] };
    const parts = [];
    for (const { asset, sha256 } of note.weights) {
      const part = Buffer.from((await read(asset)) as string, 'base64');
      expect(createHash('sha256').update(part).digest('hex')).toBe(sha256);
      parts.push(part);
    }
    const expected = Buffer.concat(
      [...values.values()].map(({ buffer, byteOffset, byteLength }) =>
        Buffer.from(buffer, byteOffset, byteLength),
      ),
    );
    expect(Buffer.concat(parts).equals(expected)).toBe(true);
  });

  it('is not written over anything else', async () => {
    const other = join(top, 'other');
    await mkdir(other);
    await writeFile(join(other, 'thesis.tex'), 'years of work');
    const file = join(top, 'weights.bin');
    const about = {
      imageSize: SIZE,
      normalization,
      evalConfig,
      classes: CLASSES,
      file,
      name: 'weights',
      samples: [],
    };
    await expect(exportWeb(other, { model, values, ...about })).rejects.toMatchObject({ code: 'web/folder' });
    expect(await readdir(other)).toEqual(['thesis.tex']);
  });
});

const canCompare = CHROMIUM !== undefined && adapters.includes('swiftshader');

/** Skipped where no Chromium is on the path, or where Node has no SwiftShader to compare with. */
describe.skipIf(!canCompare)('an exported page in Chromium on SwiftShader', { timeout: 300_000 }, () => {
  let page: Browser;

  beforeAll(async () => {
    page = await Browser.open(SWIFTSHADER);
    await page.go(`file://${folder}/index.html`);
  }, 120_000);

  afterAll(() => page.close());

  const until = async (condition: string) => {
    await page.value(
      `(async () => { for (let i = 0; i < 1200 && !(${condition}); i++) await new Promise((r) => setTimeout(r, 100)); })()`,
    );
    const status = await page.value<string>(`document.getElementById('status').textContent`);
    expect(await page.value<boolean>(condition), status).toBe(true);
  };

  it('says of a sample what Node says, with names that do no harm', async () => {
    await until(`document.querySelectorAll('#answers tbody tr').length > 0`);
    const rows = await page.value<string[]>(
      `[...document.querySelectorAll('#answers tbody th')].map((cell) => cell.textContent)`,
    );
    expect(rows).toHaveLength(5);
    expect(CLASSES).toEqual(expect.arrayContaining(rows));
    expect(await page.value<number>(`document.querySelectorAll('b, sample').length`)).toBe(0);
  });

  it('has the logits of Node on SwiftShader bit for bit, of a corrupted image too', async () => {
    const { device } = await deviceFor('swiftshader');
    const weights = await ModelWeights.upload(device, model, values);
    const session = await InferenceSession.create(device, weights, {
      batch: 1,
      channels: 3,
      imageSize: SIZE,
    });
    const jpeg = await readFile(photo);
    const image = await decodeImage(jpeg, 'beetle.jpg');
    const frame = evalTransform(evalConfig)(image);
    const noisy = await corrupt(frame, 'glass_blur', 3, { seed: 0, imageNumber: 0 });
    for (const [name, seen] of [
      ['clean', frame],
      ['noisy', noisy],
    ] as const) {
      const x = new Float32Array(3 * SIZE ** 2);
      toTensor(seen, normalization.mean, normalization.std, x);
      const found = await page.value<number[]>(`(async () => {
        globalThis.opened ??= await largekernel.openModel();
        const bytes = Uint8Array.from(atob('${jpeg.toString('base64')}'), (c) => c.charCodeAt(0));
        let image = opened.frame(await largekernel.decodeImage(bytes, 'beetle.jpg'));
        if (${name === 'noisy'}) image = await largekernel.corrupt(image, 'glass_blur', 3, { seed: 0, imageNumber: 0 });
        return [...new Uint32Array((await opened.logits(image)).buffer)];
      })()`);
      const logits = (await session.logits(x, 1)).slice();
      expect(found).toEqual([...new Uint32Array(logits.buffer)]);
    }
    session.destroy();
  });

  it('follows its sliders', async () => {
    const set = (id: string, value: string) =>
      page.value(
        `(() => { const it = document.getElementById('${id}'); it.value = '${value}'; it.dispatchEvent(new Event('input')); })()`,
      );
    await set('corruption', 'fog');
    await set('severity', '2');
    await set('epsilon', '8');
    await page.value(`document.getElementById('field').click()`);
    await until(`/fog at severity 2, FGSM at 8.255/.test(document.getElementById('change').textContent)`);
    await until(`/% of the image/.test(document.getElementById('field-note').textContent)`);
    await page.value(`document.getElementById('reset').click()`);
    await until(`document.getElementById('change').textContent === 'Nothing is changed.'`);
  });

  it('says what is wrong with a folder that was copied in part', async () => {
    await rm(join(folder, 'weights-0.js'));
    await page.go(`file://${folder}/index.html`);
    await until(`document.getElementById('status').className === 'error'`);
    expect(await page.value<string>(`document.getElementById('status').textContent`)).toContain(
      'weights-0.js cannot be loaded.',
    );
  });
});
