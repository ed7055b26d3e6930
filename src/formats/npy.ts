/**
 * NumPy .npy and .npz. A .npy is `\x93NUMPY`, a version, a header length (2 bytes in version 1, 4 later), a Python dict literal
 * and the values; the literal is read with three patterns, not evaluated. An .npz is a ZIP archive of .npy files.
 */
import { FrameworkError } from '../util/errors.ts';
import { excerpt, writeFileAtomic } from '../util/files.ts';
import { DTYPE_BYTES, countElements } from './dtype.ts';
import type { DType } from './dtype.ts';
import { closingOnError, inBlocks, openRange } from './range.ts';
import { permuteBytes } from './strides.ts';
import { corrupt, tensorFile } from './tensor-file.ts';
import type { TensorFile, TensorInfo, TensorSource } from './tensor-file.ts';
import { readZipDirectory, readZipMember, readZipStart } from './zip.ts';
import type { ZipMember } from './zip.ts';

const DESCR: ReadonlyMap<string, DType> = new Map([
  ['<f8', 'F64'],
  ['<f4', 'F32'],
  ['<f2', 'F16'],
  ['<i8', 'I64'],
  ['<i4', 'I32'],
  ['<i2', 'I16'],
  ['|i1', 'I8'],
  ['|u1', 'U8'],
  ['|b1', 'BOOL'],
]);

/** Bytes; NumPy itself refuses more than 10,000 unless told. */
const MAX_HEADER = 65_536;

interface NpyHeader extends TensorInfo {
  readonly fortran: boolean;
  /** bytes before the values */
  readonly dataStart: number;
}

/** Whether the first bytes of a file are those of a .npy. */
export function isNpy(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, 6)).toString('latin1') === '\x93NUMPY';
}

/**
 * Opens a .npy; its only tensor is named `array`.
 * @throws FrameworkError `formats/corrupt`
 */
export async function openNpy(path: string): Promise<TensorFile> {
  return tensorFile(await findNpy(path));
}

/** Where the tensor of a .npy lies. Throws as `openNpy` does. */
export async function findNpy(path: string): Promise<TensorSource<NpyHeader>> {
  const file = await openRange(path);
  return closingOnError(file, async () => {
    const header = parseHeader(path, await file.read(0, Math.min(file.size, MAX_HEADER)), file.size);
    return {
      path,
      format: 'npy' as const,
      entries: new Map([['array', header]]),
      readBytes: async () => cOrder(header, await file.read(header.dataStart, file.size - header.dataStart)),
      close: file.close,
    };
  });
}

/**
 * Where the tensors of an .npz lie; they are named as its members without `.npy`.
 * @throws FrameworkError `formats/corrupt`
 */
export async function findNpz(
  path: string,
): Promise<TensorSource<NpyHeader & { readonly member: ZipMember }>> {
  const file = await openRange(path);
  return closingOnError(file, async () => {
    const entries = new Map<string, NpyHeader & { readonly member: ZipMember }>();
    const headers = inBlocks(file);
    for (const member of (await readZipDirectory(file)).values()) {
      const start = await readZipStart(headers, member, 1024);
      const header = parseHeader(`${path}: ${member.name}`, start, member.size);
      entries.set(member.name.replace(/\.npy$/, ''), { ...header, member });
    }
    return {
      path,
      format: 'npz' as const,
      entries,
      readBytes: async (entry) =>
        cOrder(entry, (await readZipMember(file, entry.member)).slice(entry.dataStart)),
      close: file.close,
    };
  });
}

/** @param size bytes of the whole .npy, of which `bytes` is the start */
function parseHeader(path: string, bytes: Uint8Array, size: number): NpyHeader {
  const version = bytes[6];
  if (!isNpy(bytes) || version === undefined || version < 1 || version > 3)
    throw corrupt(
      path,
      `it does not start as a .npy: ${excerpt(Buffer.from(bytes.subarray(0, 8)).toString('latin1'))}`,
    );
  const prefix = version === 1 ? 10 : 12;
  if (bytes.length < prefix) throw corrupt(path, 'it ends inside its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dataStart = prefix + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (dataStart > bytes.length)
    throw corrupt(path, `its header claims ${dataStart} bytes, ${bytes.length} are there`);
  const text = Buffer.from(bytes.subarray(prefix, dataStart)).toString(version === 3 ? 'utf8' : 'latin1');
  const { descr, fortran, shape } = parseLiteral(path, text);
  const dtype = DESCR.get(descr);
  if (dtype === undefined)
    throw corrupt(
      path,
      `its type ${descr} is not one of ${[...DESCR.keys()].join(' ')}`,
      'save it as float32 (<f4)',
    );
  const count = countElements(shape);
  if (count === undefined || dataStart + count * DTYPE_BYTES[dtype] !== size)
    throw corrupt(
      path,
      `${descr} (${shape.join(', ')}) does not fit the ${size - dataStart} bytes after its header`,
    );
  return { dtype, shape, fortran, dataStart };
}

/** `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }` in any order, and nothing else. */
function parseLiteral(path: string, text: string) {
  const descr = /'descr': *'([^']*)'/.exec(text);
  const order = /'fortran_order': *(True|False)/.exec(text);
  const shape = /'shape': *\(([\d, ]*)\)/.exec(text);
  const rest = [descr, order, shape].reduce((left, match) => left.replace(match?.[0] ?? '', ''), text);
  if (descr === null || order === null || shape === null || !/^\{[, ]*\} *\n?$/.test(rest))
    throw corrupt(path, `its header is not that of a plain array: ${excerpt(text, 100)}`);
  const sizes = (shape[1] ?? '').split(',').map((size) => size.trim());
  if (sizes.at(-1) === '') sizes.pop();
  if (sizes.includes('')) throw corrupt(path, `its shape is (${shape[1] ?? ''})`);
  return { descr: descr[1] ?? '', fortran: order[1] === 'True', shape: sizes.map(Number) };
}

/** Fortran order has the first dimension fastest: the C order of the reversed shape, transposed. */
function cOrder({ dtype, shape, fortran }: NpyHeader, bytes: Uint8Array): Uint8Array {
  return fortran && shape.length > 1
    ? permuteBytes(bytes, [...shape].reverse(), reversedAxes(shape), DTYPE_BYTES[dtype])
    : bytes;
}

function reversedAxes(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.length - 1 - axis);
}

/**
 * Writes a float32 array as .npy (version 1, C order). Atomic.
 * @throws FrameworkError `formats/bad-tensor` when the shape does not fit the data
 */
export async function writeNpy(path: string, data: Float32Array, shape: readonly number[]): Promise<void> {
  if (countElements(shape) !== data.length)
    throw new FrameworkError(
      'formats/bad-tensor',
      `${path}: ${data.length} values do not fit (${shape.join(', ')})`,
    );
  const tuple = shape.length === 1 ? `${shape.join()},` : shape.join(', ');
  const literal = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const headerBytes = Math.ceil((10 + literal.length + 1) / 64) * 64;
  const head = Buffer.alloc(headerBytes, ' ');
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(headerBytes - 10, 8);
  head.write(literal, 10);
  head[headerBytes - 1] = 0x0a;
  await writeFileAtomic(path, [head, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]);
}
