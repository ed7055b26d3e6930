import { readFileSync } from 'node:fs';

/** Where the compiled module is. */
export const WASM = new URL('../../wasm/image.wasm', import.meta.url);

/** The compiled module of wasm/index.ts. */
export function wasmBytes(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(WASM));
}
