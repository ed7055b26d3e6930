import { wasmBytes } from './wasm-bytes.ts';

/** What of it is used: TypeScript declares it with the browser's types alone. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** The functions of wasm/index.ts. Addresses are bytes in the module's memory; wasm/*.ts say what lies there. */
export interface Functions {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  heapBase(): number;
  passHorizontal(
    from: number,
    stride: number,
    rows: number,
    to: number,
    width: number,
    first: number,
    weights: number,
    pairs: number,
  ): void;
  passVertical(
    from: number,
    stride: number,
    to: number,
    height: number,
    first: number,
    weights: number,
    pairs: number,
  ): void;
  flip(from: number, width: number, height: number, to: number): void;
  toPlanes(from: number, pixels: number, tables: number, to: number): void;
  mapChannels(from: number, pixels: number, tables: number, to: number): void;
  histograms(from: number, pixels: number, counts: number): void;
  greySum(from: number, pixels: number): number;
  blend(from: number, pixels: number, factor: number, to: number): void;
  sharpen(from: number, width: number, height: number, factor: number, to: number): void;
  uniforms(k0: number, k1: number, counter: number, count: number, to: number): void;
  unstuff(from: number, bytes: number, to: number): number;
  makeTable(counts: number, table: number): number;
  decodeScan(
    data: number,
    bytes: number,
    components: number,
    count: number,
    wide: number,
    high: number,
    left: number,
    top: number,
    right: number,
    bottom: number,
  ): number;
  greysOf(luma: number, stride: number, width: number, height: number, to: number): void;
  coloursOf(
    luma: number,
    stride: number,
    width: number,
    top: number,
    height: number,
    cb: number,
    cr: number,
    chromaStride: number,
    chromaWidth: number,
    chromaHeight: number,
    across: number,
    down: number,
    scratch: number,
    to: number,
  ): void;
  affineNearest: Affine;
  affineBilinear: Affine;
  affineBicubic: Affine;
}

type Affine = (
  from: number,
  width: number,
  height: number,
  to: number,
  fill: number,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
) => void;

type Bytes = Uint8Array | Uint16Array | Int16Array | Int32Array | Uint32Array | Float32Array;

const PAGE = 65536;
/** Vectors may reach so far past what they are asked for, on either side. */
const MARGIN = 64;

/**
 * The module and its memory, laid out anew for each operation: `reset`, then `put` what is read and `room` for what is written.
 * One for each thread; V8 shares the compiled code among them.
 */
export class Workspace {
  readonly run: Functions;
  private bytes: Uint8Array;
  private end = 0;

  constructor() {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasmBytes()));
    this.run = exports as Functions;
    this.bytes = new Uint8Array(this.run.memory.buffer);
  }

  reset(): this {
    this.end = this.run.heapBase();
    return this;
  }

  /** The address of `bytes` of memory, which hold what was there before. */
  room(bytes: number): number {
    const at = (this.end + MARGIN + 15) & ~15;
    this.end = at + bytes;
    const missing = this.end + MARGIN - this.bytes.length;
    if (missing > 0) {
      this.run.memory.grow(Math.ceil(missing / PAGE));
      this.bytes = new Uint8Array(this.run.memory.buffer);
    }
    return at;
  }

  /** Copies in. */
  put(source: Bytes): number {
    const at = this.room(source.byteLength);
    this.write(at, source);
    return at;
  }

  write(at: number, source: Bytes): void {
    this.bytes.set(new Uint8Array(source.buffer, source.byteOffset, source.byteLength), at);
  }

  /** Copies out. */
  take(at: number, bytes: number): Uint8Array {
    return this.bytes.slice(at, at + bytes);
  }

  /** The memory itself, until more of it is asked for. */
  view(at: number, bytes: number): Uint8Array {
    return this.bytes.subarray(at, at + bytes);
  }
}

let workspace: Workspace | undefined;

/** The module with its memory free. What earlier calls laid out there is gone. */
export function freshWorkspace(): Workspace {
  workspace ??= new Workspace();
  return workspace.reset();
}
