import { frostAsset } from '../../src/web/note.ts';
import { loadBytes } from './assets.ts';

/** A texture of the folder, in place of src/robustness/corruptions/lib/frost-files.ts. */
export function readFrost(name: string): Promise<Uint8Array> {
  return loadBytes(frostAsset(name));
}
