#!/usr/bin/env node
// A checkout runs its TypeScript sources as they are, without a build step; the installed package has them compiled, in lib.
// Images are decoded on libuv's threads. Their number is read once, before the first module is loaded asynchronously, so
// this file must be CommonJS.
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, require('node:os').availableParallelism()));

/** @param {string[]} argv */
async function run(argv) {
  const isCheckout = require('node:fs').existsSync(
    require('node:path').join(__dirname, '../src/cli/main.ts'),
  );
  if (isCheckout) (await import('tsx/esm/api')).register();
  const { main } = await import(isCheckout ? '../src/cli/main.ts' : '../lib/cli/main.js');
  await main(argv);
}

if (require.main === module) void run(process.argv.slice(2));
module.exports = { run };
