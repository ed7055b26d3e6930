import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FrameworkError, messageOf } from '../util/errors.ts';

/** Where shaders are. */
export const SHADERS = fileURLToPath(new URL('../../shaders/', import.meta.url));

/** The text of a file below the shaders folder. Throws `shader/missing`. */
export function readShader(file: string): string {
  try {
    return readFileSync(join(SHADERS, file), 'utf8');
  } catch (error) {
    throw new FrameworkError(
      'shader/missing',
      `The shader shaders/${file} cannot be read: ${messageOf(error)}.`,
    );
  }
}
