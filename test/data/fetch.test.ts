import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { openDataset } from '../../src/data/datasets.ts';
import { fetchArchive, fetchDataset } from '../../src/data/fetch.ts';
import type { Download } from '../../src/data/fetch.ts';
import { cifarRecords, tarHeader, temporaryFolder } from './fixtures.ts';

function member(name: string, data: Uint8Array): Buffer {
  const padding = Buffer.alloc((512 - (data.length % 512)) % 512);
  return Buffer.concat([tarHeader(name, data.length.toString(8)), data, padding]);
}

const records = cifarRecords(30);
const archive = gzipSync(
  Buffer.concat([
    member('cifar-10-batches-bin/data_batch_1.bin', records),
    member('cifar-10-batches-bin/../../evil.bin', records),
    member('cifar-10-batches-bin/readme.html', Buffer.from('hello')),
    Buffer.alloc(1024),
  ]),
);
const download: Download = {
  archive: 'small.tar.gz',
  md5: createHash('md5').update(archive).digest('hex'),
  folder: 'cifar-10-batches-bin',
  files: { 'data_batch_1.bin': records.length },
};

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const whole: Answer = (_, response) => {
  response.writeHead(200, { 'content-length': archive.length }).end(archive);
};
/** Announces everything, sends a part, hangs up once that is on the disk. */
const breaks: Answer = (_, response) => {
  response.writeHead(200, { 'content-length': archive.length });
  response.write(archive.subarray(0, 4000));
  const watch = setInterval(() => {
    if (statSync(join(answering, `${download.archive}.part`), { throwIfNoEntry: false })?.size !== 4000) return;
    clearInterval(watch);
    response.destroy();
  }, 2);
};
const rest: Answer = (request, response) => {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1]);
  const range = `bytes ${start}-${archive.length - 1}/${archive.length}`;
  response.writeHead(206, { 'content-range': range, 'content-length': archive.length - start });
  response.end(archive.subarray(start));
};
const status =
  (code: number): Answer =>
  (_, response) => {
    response.writeHead(code).end('sorry');
  };

/** What the server does with the first, second, … request; and the ranges it was asked for. */
let answers: Answer[] = [];
/** The folder that is downloaded to. */
let answering = '';
let asked: (string | undefined)[] = [];
const server: Server = createServer((request, response) => {
  asked.push(request.headers.range);
  (answers.shift() ?? status(410))(request, response);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
afterAll(() => server.close());

beforeEach(() => {
  asked = [];
});

async function run(root: string, ...given: Answer[]): Promise<string> {
  answers = given;
  answering = root;
  return fetchArchive(download, root, { baseUrl, waitMs: 1 });
}

async function expectComplete(folder: string, root: string): Promise<void> {
  expect(readFileSync(join(folder, 'data_batch_1.bin'))).toEqual(Buffer.from(records));
  expect(readdirSync(root)).toEqual(['cifar-10-batches-bin']);
  expect(readdirSync(folder)).toEqual(['data_batch_1.bin']);
}

describe('fetching', () => {
  it('downloads, checks, unpacks only what is wanted, and is done the second time', async () => {
    const root = join(temporaryFolder(), 'new');
    const progress: number[] = [];
    answers = [whole];
    const folder = await fetchArchive(download, root, { baseUrl, onProgress: (bytes) => progress.push(bytes) });
    await expectComplete(folder, root);
    expect(existsSync(join(root, '..', 'evil.bin'))).toBe(false);
    expect(progress.at(-1)).toBe(archive.length);
    expect(await run(root)).toBe(folder);
    expect(asked).toHaveLength(1);
    const data = await openDataset({ kind: 'cifar10', root, split: 'train' });
    expect(data.length).toBe(30);
    await data.close();
  });

  it('goes on after a broken connection where it ended', async () => {
    const root = temporaryFolder();
    await expectComplete(await run(root, breaks, rest), root);
    expect(asked).toEqual([undefined, 'bytes=4000-']);
  });

  it('goes on in the next run, also when the server is down at first', async () => {
    const root = temporaryFolder();
    await expect(run(root, breaks, status(503), status(503))).rejects.toThrow(
      /the connection broke 3 times; 4000 bytes are here: .*503/,
    );
    expect(readdirSync(root)).toEqual(['small.tar.gz.part']);
    await expectComplete(await run(root, rest), root);
  });

  it('starts over where the server sends everything again', async () => {
    const root = temporaryFolder();
    await expectComplete(await run(root, breaks, whole), root);
    expect(asked).toEqual([undefined, 'bytes=4000-']);
  });

  it('a wrong checksum names both and leaves nothing', async () => {
    const root = temporaryFolder();
    const other: Answer = (_, response) => response.end('something else');
    await expect(run(root, other)).rejects.toThrow(new RegExp(`have md5 [0-9a-f]{32} instead of ${download.md5}`));
    expect(readdirSync(root)).toEqual([]);
  });

  it('404 is said at once, with the address', async () => {
    const root = temporaryFolder();
    await expect(run(root, status(404))).rejects.toThrow(/small\.tar\.gz: the server answered 404/);
    expect(asked).toHaveLength(1);
  });

  it('a server that cannot be reached', async () => {
    const options = { baseUrl: 'http://127.0.0.1:9/', attempts: 1 };
    await expect(fetchArchive(download, temporaryFolder(), options)).rejects.toMatchObject({ code: 'data/fetch' });
  });

  it('a part that is already whole, and an archive left by a run that was ended', async () => {
    const part = temporaryFolder();
    writeFileSync(join(part, 'small.tar.gz.part'), archive);
    await expectComplete(await run(part, status(416)), part);
    const left = temporaryFolder();
    mkdirSync(join(left, 'cifar-10-batches-bin'));
    writeFileSync(join(left, 'cifar-10-batches-bin', 'data_batch_1.bin'), 'cut');
    writeFileSync(join(left, 'small.tar.gz'), archive);
    await expectComplete(await run(left), left);
    expect(asked).toHaveLength(1);
  });

  it('starts over where a part is of something else and the server has nothing after it', async () => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'small.tar.gz.part'), Buffer.alloc(archive.length + 5));
    await expectComplete(await run(root, status(416), whole), root);
    expect(asked).toEqual([`bytes=${archive.length + 5}-`, undefined]);
  });

  it('says that 416 was answered where nothing but the whole was asked for', async () => {
    await expect(run(temporaryFolder(), status(416))).rejects.toThrow(/the server answered 416/);
  });

  it.each(['nonsense', '', 'ftp://example.org/', 'file:///tmp/', 'http://', '//x', 'C:\\data'])(
    'refuses the address %j before anything is made',
    async (address) => {
      const root = join(temporaryFolder(), 'new');
      await expect(fetchArchive(download, root, { baseUrl: address })).rejects.toMatchObject({
        code: 'data/fetch',
        message: expect.stringContaining(JSON.stringify(address)) as string,
      });
      expect(existsSync(root)).toBe(false);
    },
  );

  it('takes an address without its last slash', async () => {
    const root = temporaryFolder();
    answers = [whole];
    await expectComplete(await fetchArchive(download, root, { baseUrl: baseUrl.slice(0, -1) }), root);
  });

  it('an archive without the files it should hold', async () => {
    const wrong = { ...download, files: { 'data_batch_9.bin': 5 } };
    answers = [whole];
    await expect(fetchArchive(wrong, temporaryFolder(), { baseUrl })).rejects.toThrow(/data_batch_9\.bin has no entry/);
  });

  it('only CIFAR can be fetched', async () => {
    await expect(fetchDataset('cifar-10', temporaryFolder())).rejects.toMatchObject({
      hint: expect.stringContaining('did you mean cifar10?') as string,
    });
  });
});
