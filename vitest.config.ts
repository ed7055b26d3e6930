import { defineConfig } from 'vitest/config';

// Read by glibc when a process starts, so they are set before Vitest forks. SwiftShader's compiler, where the tests spend most of
// their time, takes and returns memory by the megabyte on several threads: with glibc's defaults a quarter of the time goes to
// mapping pages and giving them back.
process.env['MALLOC_ARENA_MAX'] ??= '1';
process.env['MALLOC_MMAP_THRESHOLD_'] ??= String(32 * 2 ** 20);
process.env['MALLOC_TOP_PAD_'] ??= String(32 * 2 ** 20);
process.env['MALLOC_TRIM_THRESHOLD_'] ??= String(512 * 2 ** 20);

/**
 * Tests that share a process and its modules, because importing them takes longer than most of these tests. They open no device,
 * replace no module, and leave nothing changed behind that another file could see.
 */
const TOGETHER = [
  'test/data/{augment,image,readers}/**/*.test.ts',
  'test/data/{classes,match-classes,pixels,transform,verify}.test.ts',
  'test/{formats,recipe,report}/**/*.test.ts',
  'test/models/{counts,golden,merge,position-table,registry}.test.ts',
  'test/robustness/{corruptions,inputs,metrics}/**/*.test.ts',
  'test/robustness/benchmarks/{evaluation,images}/**/*.test.ts',
  'test/sweeps/{board,cost,plot,process,statistics,sweep}.test.ts',
  'test/training/{export,log,look,planning}/**/*.test.ts',
  'test/training/weights/{open-weights,preprocessing,recognise}.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    // Two software adapters share two cores; more files at once only makes each of them slower.
    maxWorkers: 2,
    // Compiling for SwiftShader takes seconds a kernel, once for each test file.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    projects: [
      { extends: true, test: { name: 'alone', include: ['test/**/*.test.ts'], exclude: TOGETHER } },
      { extends: true, test: { name: 'together', include: TOGETHER, isolate: false } },
    ],
  },
});
