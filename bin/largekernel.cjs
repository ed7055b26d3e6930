#!/usr/bin/env node
// Runs the TypeScript sources as they are: no build step.
// Images are decoded on libuv's threads. Their number is read once, before the first module is loaded asynchronously, so
// this file must be CommonJS.
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, require('node:os').availableParallelism()));

/** @param {string[]} argv */
async function run(argv) {
  const { register } = await import('tsx/esm/api');
  register();
  const { main } = await import('../src/cli/main.ts');
  await main(argv);
}

if (require.main === module) void run(process.argv.slice(2));
module.exports = { run };
