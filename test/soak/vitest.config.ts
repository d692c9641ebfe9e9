import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/soak/*.soak.ts'],
    globalSetup: ['scripts/global-setup.mjs'],
    pool: 'forks',
    testTimeout: 0,
    hookTimeout: 120_000,
  },
});
