import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { modelNames } from '../../../src/models/registry.ts';
import { resolveWeights } from '../../../src/training/evaluation/evaluate-weights.ts';
import { cachedPath, fetchedAs, pretrainedFile } from '../../../src/training/weights/pretrained.ts';
import { PUBLISHED, publishedAs } from '../../../src/training/weights/published/list.ts';
import type { PublishedWeights } from '../../../src/training/weights/published/record.ts';
import { bareRecipe } from '../../../src/training/weights/recipe-model.ts';
import { setWeightsMirror } from '../../../src/util/mirror.ts';
import { runCommand } from '../../cli/run.ts';
import { failure, temporaryFolder } from '../../formats/fixtures.ts';

const RESNET20 = fileURLToPath(
  new URL('../../../checkpoints/resnet20-cifar10/resnet20.safetensors', import.meta.url),
);
const bytes = readFileSync(RESNET20);
const sha256 = createHash('sha256').update(bytes).digest('hex');

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
const whole: Answer = (_, response) => response.end(bytes);
/** Sends 5000 bytes, and breaks off once they are on the disk. */
const breaksWithin =
  (file: Buffer): Answer =>
  (_, response) => {
    response.writeHead(200, { 'content-length': file.length });
    response.write(file.subarray(0, 5000));
    const watch = setInterval(() => {
      const folder = dirname(cachedPath(resnet20));
      if (!left().some((name) => statSync(join(folder, name)).size === 5000)) return;
      clearInterval(watch);
      response.destroy();
    }, 2);
  };
const breaks = breaksWithin(bytes);
/** As long, and as well formed. */
const other = Buffer.from(bytes);
other.writeUInt8(other.readUInt8(4_900) ^ 1, 4_900);
const rest: Answer = ({ headers }, response) => {
  const from = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1]);
  response.writeHead(206, { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
  response.end(bytes.subarray(from));
};
const sends =
  (text: string, type: string): Answer =>
  (_, response) =>
    response.writeHead(200, { 'content-type': type }).end(text);

let answers: Answer[] = [];
let asked: string[] = [];
let versions: string[] = [];
const server = createServer((request, response) => {
  asked.push(`${request.url} ${request.headers.range ?? ''}`.trim());
  (answers.shift() ?? whole)(request, response);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}/files`;
afterAll(() => server.close());

/** ResNet-20 of CIFAR-10 as if its makers had published it. */
const resnet20: PublishedWeights = {
  name: 'resnet20@test',
  model: 'resnet20',
  file: 'resnet20.safetensors',
  address: `${mirror}/resnet20.safetensors`,
  isVerified: true,
  about: 'CIFAR-10',
  top1: null,
  licence: 'none',
  sha256: sha256.slice(0, 8),
  classes: 10,
  set: ['evaluation.resize=40', 'evaluation.crop=32'],
  source: 'here',
};
(PUBLISHED as PublishedWeights[]).push(resnet20);

let cache = '';
beforeEach(async () => {
  cache = await temporaryFolder();
  process.env['LARGEKERNEL_CACHE'] = cache;
  asked = [];
  answers = [];
});
const left = () => readdirSync(dirname(cachedPath(resnet20)));
const get = (changed: Partial<PublishedWeights> = {}) =>
  pretrainedFile({ ...resnet20, ...changed }, { mirror: undefined, waitMs: 1 });

describe('published weights', () => {
  it('a broken download goes on where it ended; the file is recorded and not fetched again', async () => {
    answers = [breaks, rest];
    const path = await get();
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(path).toBe(join(cache, 'weights', 'resnet20@test', 'resnet20.safetensors'));
    expect(await fetchedAs(resnet20)).toEqual({ address: resnet20.address, bytes: bytes.length, sha256 });
    expect(left().sort()).toEqual(['fetched.json', 'resnet20.safetensors']);
    expect(await get()).toBe(path);
    expect(asked).toEqual(['/files/resnet20.safetensors', '/files/resnet20.safetensors bytes=5000-']);
  });

  it('a file that was replaced meanwhile is fetched anew, whatever the server makes of the version', async () => {
    const versioned =
      (version: string, answer: Answer): Answer =>
      (request, response) => {
        response.setHeader('etag', version);
        versions.push(String(request.headers['if-range'] ?? ''));
        answer(request, response);
      };
    for (const second of [whole, rest]) {
      versions = [];
      answers = [versioned('"1"', breaksWithin(other)), versioned('"2"', second), versioned('"2"', whole)];
      const path = await get({ sha256: undefined });
      expect(readFileSync(path).equals(bytes)).toBe(true);
      expect(versions).toEqual(second === whole ? ['', '"1"'] : ['', '"1"', '']);
      expect(left().sort()).toEqual(['fetched.json', 'resnet20.safetensors']);
      rmSync(dirname(path), { recursive: true });
    }
  });

  it('of an unknown version nothing is gone on with, unless its checksum is known', async () => {
    answers = [breaksWithin(other), whole];
    expect(readFileSync(await get({ sha256: undefined })).equals(bytes)).toBe(true);
    expect(asked).toEqual(['/files/resnet20.safetensors', '/files/resnet20.safetensors']);
  });

  it('without published digits the SHA-256 is recorded, and holds from then on', async () => {
    const path = await get({ sha256: undefined });
    expect((await fetchedAs(resnet20))?.sha256).toBe(sha256);
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(damaged.readUInt8(70_000) ^ 1, 70_000);
    writeFileSync(path, damaged);
    expect(await failure(get({ sha256: undefined }))).toMatchObject({
      code: 'checkpoint/damaged',
      message: expect.stringContaining(sha256) as string,
    });
    expect(readFileSync(path).equals(damaged)).toBe(true);
  });

  it('another file than the published one leaves nothing', async () => {
    expect(await failure(get({ sha256: '01234567' }))).toMatchObject({ code: 'checkpoint/checksum' });
    expect(left()).toEqual([]);
  });

  it.each([
    ['a page', sends('<html>log in</html>', 'text/html; charset=utf-8'), 'a page in place of the file'],
    ['what is no file of weights', sends('nothing of use', 'application/octet-stream'), 'no file of weights'],
    ['404', (_, response) => response.writeHead(404).end(), 'answered 404'],
  ])('%s leaves nothing', async (_, answer, text) => {
    answers = [answer];
    expect(await failure(get({ sha256: undefined }))).toMatchObject({
      code: 'checkpoint/fetch',
      message: expect.stringContaining(text) as string,
    });
    expect(left()).toEqual([]);
  });

  it('a file that was put there by hand is checked and taken, another one is left', async () => {
    const path = cachedPath(resnet20);
    mkdirSync(dirname(path), { recursive: true });
    cpSync(RESNET20, path);
    expect(await get()).toBe(path);
    expect(asked).toEqual([]);
    const other = cachedPath({ ...resnet20, name: 'resnet20@other' });
    mkdirSync(dirname(other));
    writeFileSync(other, 'mine');
    expect(await failure(get({ name: 'resnet20@other' }))).toMatchObject({ code: 'checkpoint/checksum' });
    expect(readFileSync(other, 'utf8')).toBe('mine');
  });

  it('two at once fetch once', async () => {
    expect(await Promise.all([get(), get()])).toHaveLength(2);
    expect(asked).toHaveLength(1);
  });
});

describe('a name in place of a path', () => {
  it('gives the weights with the published preprocessing, from a mirror laid out as the cache', async () => {
    setWeightsMirror(mirror);
    const request = {
      model: undefined,
      weights: 'raw',
      use: 'predict',
      checkpoint: 'resnet20@test',
    } as const;
    const found = await resolveWeights({ ...request, overrides: [] });
    expect(found.file).toBe(cachedPath(resnet20));
    expect(found.model.name).toBe('resnet20');
    expect(found.evalConfig).toMatchObject({ resize: 40, crop: 32 });
    expect(found.notes).toEqual(['resnet20@test: resnet20 evaluation.resize=40 evaluation.crop=32']);
    expect(asked).toEqual(['/files/resnet20@test/resnet20.safetensors']);
    const said = await resolveWeights({ ...request, overrides: ['evaluation.resize=36'] });
    expect(said.evalConfig).toMatchObject({ resize: 36, crop: 32 });
    const out = join(cache, 'out.safetensors');
    expect((await runCommand('convert', 'resnet20@test', out)).stderr).toContain('checked against resnet20');
    expect((await runCommand('inspect', 'resnet20@test')).stdout).toContain('--model resnet20, 10 classes');
    expect(existsSync(out)).toBe(true);
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['convnext-t@offical', /Of convnext-t there are convnext-t@22k, .*convnext-t@official/],
    ['convnext-tt@official', /Did you mean convnext-t@official\?/],
  ])('%s is answered with what there is', async (name, hint) => {
    expect(await failure(Promise.resolve().then(() => publishedAs(name)))).toMatchObject({
      code: 'checkpoint/unknown-name',
      message: expect.stringContaining(name) as string,
      hint: expect.stringMatching(hint) as string,
    });
  });

  it('a file of that name goes before, and a path is a path', () => {
    const file = join(cache, 'a@b');
    writeFileSync(file, '');
    expect(publishedAs(file)).toBeUndefined();
    expect(publishedAs('weights.pth')).toBeUndefined();
    expect(publishedAs('runs/mine@home')).toBeUndefined();
  });
});

describe('the list', () => {
  it('has every family, with settings that its models take', async () => {
    const listed = PUBLISHED.filter(({ name }) => name !== resnet20.name);
    expect(new Set(listed.map(({ name }) => name)).size).toBe(listed.length);
    expect(new Set(listed.map(({ address }) => address)).size).toBe(listed.length);
    for (const { model, address, set, name } of listed) {
      expect(modelNames()).toContain(model);
      expect(new URL(address).protocol).toBe('https:');
      expect(name.startsWith(`${model}@`)).toBe(true);
      if (set.length > 0) await bareRecipe(model, set);
    }
    // The others are makers' own, or nobody publishes them.
    const models = new Set(listed.map(({ model }) => model));
    expect(modelNames().filter((name) => !models.has(name))).toEqual(
      expect.arrayContaining(['convnext-custom', 'replknet-3b', 'resnet20']),
    );
    expect(models.size).toBeGreaterThanOrEqual(25);
  });

  it('is printed with files, addresses, accuracy, licence and checksum', async () => {
    const { stdout } = await runCommand('weights', 'resnet50', '--json');
    expect(JSON.parse(stdout)).toMatchObject([
      { name: 'resnet50@100', isVerified: false },
      { name: 'resnet50@a1', top1: { percent: 80.382 } },
      {
        file: 'resnet50-0676ba61.pth',
        sha256: '0676ba61',
        licence: 'BSD-3-Clause',
        isFetched: false,
        bytes: 102440820,
      },
      { name: 'resnet50@v2', address: 'https://download.pytorch.org/models/resnet50-11ad3fa6.pth' },
    ]);
    expect((await runCommand('weights', 'replknet-31b@22k-1k')).stdout).toContain('not verified');
    expect((await runCommand('weights', 'convnet')).code).toBe(2);
  });
});
