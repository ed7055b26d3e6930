import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../../src/data/dataset.ts';
import { openDataset } from '../../../src/data/datasets.ts';
import { leftOut } from '../../../src/data/left-out.ts';
import { indexTar } from '../../../src/data/readers/tar.ts';
import type { TarIndex } from '../../../src/data/readers/tar.ts';
import { golden, tarHeader, temporaryFolder, writeTree } from '../fixtures.ts';

function index(bytes: Uint8Array): Promise<TarIndex> {
  return indexTar(async (offset, length) => bytes.subarray(offset, offset + length), 'x.tar', 0, bytes.length);
}

describe('tar index', () => {
  // Names and contents as in test/golden/datasets/make.py; the archives are Python's tarfile's.
  it.each(['gnu', 'pax', 'ustar'])('reads what tarfile writes as %s', async (kind) => {
    const bytes = readFileSync(golden(`variants/${kind}.tar`));
    const { entries, skipped } = await index(bytes);
    const long = kind === 'ustar' ? `${'d'.repeat(90)}/f.txt` : `${'d'.repeat(90)}/${'e'.repeat(90)}/f.txt`;
    const names = ['a.txt', long, ...(kind === 'pax' ? ['ü.txt'] : [])];
    expect(entries.map(({ name }) => name)).toEqual(names);
    const texts = entries.map(({ offset, size }) => bytes.subarray(offset, offset + size).toString());
    expect(texts).toEqual(['first', 'second'.repeat(100), ...(kind === 'pax' ? ['third'] : [])]);
    expect(skipped).toEqual([]);
  });

  it('reads base-256 sizes, skips folders and links', async () => {
    const size = new Uint8Array(12);
    size[0] = 0x80;
    size[11] = 3;
    const data = Buffer.alloc(512, 'abc');
    const bytes = Buffer.concat([tarHeader('d/', '0', '5'), tarHeader('l', '0', '2'), tarHeader('big', size), data, Buffer.alloc(512)]);
    const { entries, skipped } = await index(bytes);
    expect(entries).toEqual([{ name: 'big', offset: 3 * 512, size: 3 }]);
    expect(skipped).toEqual(['l']);
  });

  it('names the member at which an archive is cut off', async () => {
    const bytes = Buffer.concat([tarHeader('a.JPEG', '2000'), Buffer.alloc(600)]);
    await expect(index(bytes)).rejects.toThrow('x.tar: "a.JPEG" needs 1024 bytes at 512, but the archive ends at 1112');
    const whole = readFileSync(golden('variants/gnu.tar'));
    for (const length of [0, 300, 512, 700, 1024, 1300, 3000])
      await expect(index(whole.subarray(0, length))).rejects.toMatchObject({ code: 'data/truncated' });
  });

  it('refuses a damaged header and giant name records', async () => {
    const damaged = Buffer.concat([tarHeader('a', '0')]);
    damaged[3] = 7;
    await expect(index(damaged)).rejects.toThrow(/checksum/);
    const long = Buffer.concat([tarHeader('././@LongLink', '10000000', 'L'), Buffer.alloc(1 << 21)]);
    await expect(index(long)).rejects.toThrow(/name record of 2097152 bytes/);
  });

  it('an archive that stops inside a class is named with the class', async () => {
    const bytes = readFileSync(golden('tar/ILSVRC2012_img_train.tar'));
    const root = writeTree(temporaryFolder(), { 'ILSVRC2012_img_train.tar': bytes.subarray(0, 20_000) });
    const open = openDataset({ kind: 'imagenet-tar', root, split: 'train', cache: root });
    await expect(open).rejects.toThrow(/n02012849\.tar" needs 10240 bytes/);
  });

  it('WebDataset samples need a label', async () => {
    const end = Buffer.alloc(1024);
    const shard = (...members: Buffer[]): Record<string, Uint8Array> => ({ 'train-0.tar': Buffer.concat([...members, end]) });
    const open = (files: Record<string, Uint8Array>): Promise<unknown> => {
      const root = writeTree(temporaryFolder(), files);
      return openDataset({ kind: 'webdataset', root, split: 'train', cache: root });
    };
    const text = (value: string): Buffer => Buffer.concat([Buffer.from(value), Buffer.alloc(512 - value.length)]);
    await expect(open({ 'train-0.tar.gz': new Uint8Array(9) })).rejects.toThrow(/train-0\.tar\.gz is packed/);
    await expect(open({ 'train-0.tar': gzipSync(new Uint8Array(2000), { level: 0 }) })).rejects.toThrow(/train-0\.tar is packed with gzip/);
    const [jpg, png, cls, json] = [tarHeader('a.jpg', '0'), tarHeader('a.PNG', '0'), tarHeader('a.cls', '1'), tarHeader('a.json', '14')];
    await expect(open(shard(jpg, png, cls, text('3')))).rejects.toThrow(/a\.jpg and a\.PNG may both be the image of a/);
    await expect(open(shard(png, jpg, cls, text('3')))).rejects.toThrow(/a\.PNG and a\.jpg may both be the image of a/);
    const two = shard(jpg, cls, text('3'), json, text('{"label": 4}'));
    await expect(open(two)).rejects.toThrow(/a\.cls \(3\) and a\.json \(4\) may both be the label of a/);
    const caption = [tarHeader('a.txt', '5'), text('a dog')];
    const mask = tarHeader('a.mask.png', '0');
    for (const members of [
      [...caption, mask, jpg, cls, text('3')],
      [cls, text('3'), jpg, mask, ...caption],
      [jpg, mask, tarHeader('a.txt', '1'), text('3')],
    ]) {
      const data = (await open(shard(...members))) as Dataset;
      expect([data.length, data.key(0), data.label(0)]).toEqual([1, 'a.jpg', 3]);
      expect(data.notes).toEqual([{ kind: 'stray', path: 'a.mask.png' }]);
      await data.close();
    }
    await expect(open(shard(jpg, ...caption))).rejects.toThrow(/it says "a dog"/);
    await expect(open(shard(tarHeader('a.jpg', '0')))).rejects.toThrow(/no class number for a: it has neither/);
    await expect(open(shard(tarHeader('a.jpg', '0'), tarHeader('a.cls', '3'), text('cat')))).rejects.toThrow(/it says "cat"/);
    await expect(open(shard(tarHeader('a.jpg', '0'), tarHeader('a.json', '2'), text('{"')))).rejects.toThrow(/not JSON/);
  });

  it('WebDataset members are known by name alone', async () => {
    const text = (value: string): Buffer => Buffer.concat([Buffer.from(value), Buffer.alloc(512 - Buffer.byteLength(value))]);
    const member = (name: string, value: string): Buffer =>
      Buffer.concat([tarHeader(name, Buffer.byteLength(value).toString(8)), text(value)]);
    const open = (file: string, ...members: Buffer[]): Promise<Dataset> => {
      const root = writeTree(temporaryFolder(), { [file]: Buffer.concat([...members, Buffer.alloc(1024)]) });
      return openDataset({ kind: 'webdataset', root, split: 'train', cache: root });
    };
    const jpg = tarHeader('v1.0/a.JPG', '0');
    // What macOS packs beside each member, a label without an image, a shard of three.
    const data = await open(
      'train-00000-of-00003.tar',
      ...[tarHeader('v1.0/._a.JPG', '0'), jpg, member('v1.0/a.CLS', '\uFEFF3\r\n'), member('info.json', '{"label":1}')],
    );
    expect([data.length, data.key(0), data.label(0)]).toEqual([1, 'v1.0/a.JPG', 3]);
    expect(leftOut('train', data.notes)).toEqual([
      'train: 1 hidden file left out, v1.0/._a.JPG',
      'train: 1 .json file left out, info.json',
      'train: shards that are not there: train-00001-of-00003.tar, train-00002-of-00003.tar',
    ]);
    await data.close();
    const json = await open('train-0.tar', jpg, member('v1.0/a.json', '\uFEFF{"cls": 4, "label": "a cat"}'));
    expect(json.label(0)).toBe(4);
    await json.close();
    await expect(open('train-0.tar', jpg, member('v1.0/a.json', '{"cls": 4, "label": 5}'))).rejects.toThrow(/its "label" is 5, its "cls" 4/);
    await expect(open('train-0.tar', jpg, member('v1.0/a.json', '{"label": "cat"}'))).rejects.toThrow(/a whole number as label in \.json/);
    const small = writeTree(temporaryFolder(), { 'train-0.tar': gzipSync('x') });
    await expect(openDataset({ kind: 'webdataset', root: small, split: 'train' })).rejects.toThrow(/packed with gzip/);
  });
});
