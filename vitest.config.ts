import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A crash of the addon is then one file's failure, and no worker teardown is involved.
    pool: 'forks',
    // Tests of processes and of time want the machine to themselves.
    fileParallelism: false,
    testTimeout: 20_000,
    hookTimeout: 120_000,
  },
});
