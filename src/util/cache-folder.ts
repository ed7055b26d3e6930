import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Where everything lies that can be made again or fetched again: `LARGEKERNEL_CACHE`, else a folder in the user's cache, else in the temporary
 * folder of a user without a home. A variable that is empty is not set.
 */
export function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'] || join(homedir() || tmpdir(), '.cache');
  return process.env['LARGEKERNEL_CACHE'] || join(base, 'largekernel');
}
