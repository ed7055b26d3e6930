import { readFile } from 'node:fs/promises';
import { unzipSync, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { openTensors } from '../../src/formats/open.ts';
import { golden, temporaryFolder, writeTo } from './fixtures.ts';

const folder = await temporaryFolder();

/** Opcodes of pickle protocol 2, as far as these tests write them. */
const text = (value: string) => [0x58, value.length, 0, 0, 0, ...Buffer.from(value)];
const int = (value: number) => [0x4a, ...new Uint8Array(Int32Array.of(value).buffer)];
const tuple = (...items: number[][]) => [0x28, ...items.flat(), 0x74];
const global = (module: string, name: string) => [0x63, ...Buffer.from(`${module}\n${name}\n`)];
const storage = (type: string, count: number) => [
  ...tuple(text('storage'), global('torch', type), text('0'), text('cpu'), int(count)),
  0x51,
];
const tensor = (from: number[], offset: number, shape: number[], strides: number[]) => [
  ...global('torch._utils', '_rebuild_tensor_v2'),
  ...tuple(from, int(offset), tuple(...shape.map(int)), tuple(...strides.map(int)), [0x89], [0x7d]),
  0x52,
];
const dict = (...pairs: number[][]) => [0x80, 2, 0x7d, 0x28, ...pairs.flat(), 0x75, 0x2e];

async function open(
  pickle: number[] | Uint8Array,
  others: Record<string, Uint8Array> = { 'm/data/0': new Uint8Array(16) },
) {
  return openTensors(
    await writeTo(folder, 'm.pth', zipSync({ 'm/data.pkl': Uint8Array.from(pickle), ...others })),
  );
}

describe('a .pth made to do harm', () => {
  const four = storage('FloatStorage', 4);

  it('is read where it is honest', async () => {
    const file = await open(dict(text('w'), tensor(four, 1, [3], [1])));
    expect([...(await file.read('w'))]).toEqual([0, 0, 0]);
    await file.close();
  });

  it.each([
    [
      'reaches past its storage',
      dict(text('w'), tensor(four, 2, [3], [1])),
      /reaches element 4 of a storage of 4/,
    ],
    ['steps past its storage', dict(text('w'), tensor(four, 0, [2, 2], [3, 1])), /reaches element 4/],
    [
      'expands one value to many',
      dict(text('w'), tensor(four, 0, [65536, 65536], [0, 0])),
      /expanded from a storage of 4/,
    ],
    ['goes backwards', dict(text('w'), tensor(four, 3, [2], [-1])), /in a form torch\.save does not use/],
    [
      'has too many dimensions',
      dict(text('w'), tensor(four, 0, Array<number>(33).fill(1), Array<number>(33).fill(1))),
      /form/,
    ],
    [
      'has a type nobody knows',
      dict(text('w'), tensor(storage('ComplexFloatStorage', 4), 0, [1], [1])),
      /torch\.ComplexFloatStorage/,
    ],
    ['has no tensors', dict(text('w'), int(1)), /has no tensors under model/],
    ['has millions of empty dicts', new Uint8Array(1_100_000).fill(0x7d), /more than 1000000 opcodes/],
    ['recalls what was never stored', [0x80, 2, 0x68, 7, 0x2e], /recalls value 7/],
    ['ends early', [0x80, 2, 0x7d], /cut short|ends in the middle/],
    ['uses an opcode of old pickles', [0x80, 2, 0x69, 0x2e], /opcode 0x69/],
  ])('%s', async (_, pickle, message) => {
    await expect(open(pickle)).rejects.toThrow(message);
  });

  it('refers to itself', async () => {
    // {"self": the dict itself, "w": a tensor}
    const loop = [
      0x80,
      2,
      0x7d,
      0x71,
      0,
      0x28,
      ...text('self'),
      0x68,
      0,
      ...text('w'),
      ...tensor(four, 0, [4], [1]),
      0x75,
      0x2e,
    ];
    const file = await open(loop);
    expect(file.names()).toEqual(['w']);
    await file.close();
  });

  it('has storages that are damaged, short or missing', async () => {
    const honest = dict(text('w'), tensor(four, 0, [4], [1]));
    for (const others of [{}, { 'm/data/0': new Uint8Array(12) }]) {
      const file = await open(honest, others);
      await expect(file.read('w')).rejects.toThrow(/storage 0 has (0|12) bytes, 4 × F32 were promised/);
      await file.close();
    }
    const bytes = await readFile(golden('bare.pth'));
    const members = unzipSync(bytes);
    const [name, content] = Object.entries(members).find(([key]) => key.endsWith('/data/0'))!;
    const at = bytes.indexOf(content);
    bytes[at]! ^= 1;
    const file = await openTensors(await writeTo(folder, 'damaged.pth', bytes));
    await expect(file.read('f32')).rejects.toThrow(`${name} does not match its checksum`);
    await file.close();
  });
});

describe('a .pth with more than the weights', () => {
  const four = storage('FloatStorage', 4);
  const weight = tensor(four, 0, [4], [1]);
  const model = [...text('conv1.weight'), ...weight, ...text('layer1.0.conv1.weight'), ...weight];
  const inner = (...pairs: number[][]) => [0x7d, 0x28, ...pairs.flat(), 0x75];
  const names = ['conv1.weight', 'layer1.0.conv1.weight'];

  it('scores and random states right beside the names of modules are left out, and said', async () => {
    const bytes = tensor(storage('ByteStorage', 16), 0, [16], [1]);
    const file = await open(
      dict(model, text('best_acc1'), tensor(four, 0, [], []), text('rng_state'), bytes),
    );
    expect(file.names()).toEqual(names);
    expect(file.leftOut).toEqual(['best_acc1', 'rng_state']);
    await file.close();
    // A weight that stands alone may be the model's.
    const token = await open(dict(model, text('cls_token'), weight));
    expect(token.names()).toEqual([...names, 'cls_token']);
    await token.close();
  });

  it('a tensor elsewhere that is too large to be read is nobody’s concern', async () => {
    const huge = tensor(four, 0, [65536, 65536], [0, 0]);
    const file = await open(dict(text('net'), inner(model), text('mask'), huge));
    expect([file.entry, file.names()]).toEqual(['net', names]);
    await file.close();
  });

  it('dicts under numbers are sets like others', async () => {
    const second = [
      ...text('conv1.weight'),
      ...tensor(four, 0, [2], [1]),
      ...text('layer1.0.conv1.weight'),
      ...weight,
    ];
    await expect(open(dict(int(0), inner(model), int(1), inner(second)))).rejects.toThrow(
      /2 sets of weights: 0, 1$/,
    );
    const file = await open(dict(int(0), inner(model)));
    expect([file.entry, file.names()]).toEqual(['0', names]);
    await file.close();
  });

  it('NumPy arrays are named, not passed over', async () => {
    const array = [
      ...global('numpy._core.multiarray', '_reconstruct'),
      ...tuple(global('numpy', 'ndarray'), tuple(int(0)), text('b')),
      0x52,
    ];
    await expect(open(dict(text('fc.weight'), array))).rejects.toThrow(
      /holds only fc\.weight \(a NumPy array\), which cannot be read/,
    );
  });
});

describe('a .pth of another kind', () => {
  it('is named', async () => {
    const empty = dict();
    await expect(open(empty, { 'm/constants.pkl': new Uint8Array() })).rejects.toThrow(/TorchScript/);
    await expect(open(empty, { 'm/byteorder': Buffer.from('big') })).rejects.toThrow(/byte order is big/);
    const names = dict(
      text('module.w'),
      tensor(storage('FloatStorage', 4), 0, [4], [1]),
      text('w'),
      tensor(storage('FloatStorage', 4), 0, [4], [1]),
    );
    await expect(open(names)).rejects.toThrow(/two tensors are named w/);
  });
});
