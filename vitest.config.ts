import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A crash of the addon is then one file's failure, and no worker teardown is involved.
    pool: 'forks',
    testTimeout: 20_000,
    hookTimeout: 120_000,
  },
});
