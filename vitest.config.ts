import { defineConfig } from 'vitest/config';

// Read by glibc when a process starts, so they are set before Vitest forks. SwiftShader's compiler, where the tests spend most of
// their time, takes and returns memory by the megabyte on several threads: with glibc's defaults a quarter of the time goes to
// mapping pages and giving them back.
process.env['MALLOC_ARENA_MAX'] ??= '1';
process.env['MALLOC_MMAP_THRESHOLD_'] ??= String(32 * 2 ** 20);
process.env['MALLOC_TOP_PAD_'] ??= String(32 * 2 ** 20);
process.env['MALLOC_TRIM_THRESHOLD_'] ??= String(512 * 2 ** 20);

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Two software adapters share two cores; more files at once only makes each of them slower.
    maxWorkers: 2,
    // Compiling for SwiftShader takes seconds a kernel, once for each test file.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
