import { defineConfig } from 'vitest/config';

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
