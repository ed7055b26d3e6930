#!/usr/bin/env node
// A checkout runs its TypeScript sources without a build step; the installed package has them compiled, in lib.
// Images are decoded on libuv's threads. Their number is read once, before the first module is loaded asynchronously, so
// this file must be CommonJS.
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, require('node:os').availableParallelism()));

const ROOT = join(__dirname, '..');
const IS_CHECKOUT = existsSync(join(ROOT, 'src'));

async function findMain() {
  if (!IS_CHECKOUT) return join(ROOT, 'lib/cli/main.js');
  try {
    return join(await require('./compile.cjs').compileSources(ROOT), 'cli/main.js');
  } catch {
    // The folder cannot be written to, or a source has a mistake, which this names.
    (await import('tsx/esm/api')).register();
    return join(ROOT, 'src/cli/main.ts');
  }
}

/** @param {string[]} argv */
async function run(argv) {
  try {
    const { main } = await import(pathToFileURL(await findMain()));
    await main(argv);
  } catch (error) {
    if (!/MODULE_NOT_FOUND$/.test(error?.code)) throw error;
    // Since the packages were installed, the sources may have come to need another.
    const hint = IS_CHECKOUT ? 'run `npm ci` there, without --omit=dev' : 'install largekernel again';
    process.stderr.write(
      `error: what is installed in ${ROOT} is not complete: ${error.message.split('\n')[0]}\nhint: ${hint}\n`,
    );
    process.exit(8);
  }
}

if (require.main === module) void run(process.argv.slice(2));
module.exports = { run };
