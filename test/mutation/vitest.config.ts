import { defineConfig } from 'vitest/config';

// The tests that start no program and open no socket: a mutant is tried in seconds, and one that hangs can be ended.
export default defineConfig({
  test: {
    include: [
      'test/protocol/*.test.ts',
      'test/fstp/{bpdu,garbage,machine,rules,topologies,verdict}.test.ts',
      'test/console/{execute,parse,reply}.test.ts',
      'test/switch/{port-table,vlans}.test.ts',
      'test/backends/{forward,keys}.test.ts',
      'test/qemu/{net-option,plan,vhost-user}.test.ts',
    ],
    testTimeout: 20_000,
  },
});
