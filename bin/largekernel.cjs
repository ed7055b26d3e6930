#!/usr/bin/env node
// A checkout runs its TypeScript sources without a build step; the installed package has them compiled, in lib.
// Images are decoded on libuv's threads. Their number is read once, before the first module is loaded asynchronously, so
// this file must be CommonJS.
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');

process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, require('node:os').availableParallelism()));

const ROOT = join(__dirname, '..');

async function findMain() {
  if (!existsSync(join(ROOT, 'src'))) return join(ROOT, 'lib/cli/main.js');
  if (!existsSync(join(ROOT, 'node_modules/esbuild'))) {
    process.stderr.write(
      `error: ${ROOT} lacks the packages that run its sources\nhint: run \`npm ci\` there, without --omit=dev\n`,
    );
    process.exit(8);
  }
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
  const { main } = await import(pathToFileURL(await findMain()));
  await main(argv);
}

if (require.main === module) void run(process.argv.slice(2));
module.exports = { run };
