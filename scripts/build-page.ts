/** Puts the script of exported pages into lib, for the package, which has no esbuild. */
import { writeFile } from 'node:fs/promises';
import { pageScript } from '../src/web/bundle.ts';

await writeFile(new URL('../lib/web/page.bundle.js', import.meta.url), await pageScript());
