import { readFile } from 'node:fs/promises';
import { dataFile } from '../../../data/classes.ts';

/** The bytes of a texture in `data/frost`. */
export function readFrost(name: string): Promise<Uint8Array> {
  return readFile(dataFile(`frost/${name}`));
}
