// Who may import whom: one way only. A room may use the rooms on its left in this list, and itself.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const ROOMS = ['protocol', 'fstp', 'switch', 'console ctl metrics qemu', 'cli'];
const source = fileURLToPath(new URL('../src/', import.meta.url));

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

/** Files at the top, and backends, are the switch's. */
function roomOf(file: string): string {
  const [first = ''] = file.split(sep);
  return first.endsWith('.ts') || first === 'backends' ? 'switch' : first;
}

function rank(room: string): number {
  return ROOMS.findIndex((rooms) => rooms.split(' ').includes(room));
}

function importsOf(file: string): string[] {
  return [...readFileSync(join(source, file), 'utf8').matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(
    ([, name]) => name!,
  );
}

test.each(files)('%s imports only downward', (file) => {
  const own = roomOf(file);
  expect(rank(own), `${own} is no room`).toBeGreaterThanOrEqual(0);
  for (const name of importsOf(file).filter((name) => name.startsWith('.'))) {
    const room = roomOf(normalize(join(dirname(file), name)));
    expect(room === own || rank(room) < rank(own), `${file} imports ${name}`).toBe(true);
  }
});

test('only native.ts loads the addon, only cli knows commander, only metrics prom-client', () => {
  const using = (text: string) => files.filter((file) => readFileSync(join(source, file), 'utf8').includes(text));
  expect(using('tsvde.node')).toEqual(['native.ts']);
  expect(using("from 'commander'").every((file) => roomOf(file) === 'cli')).toBe(true);
  expect(using("from 'prom-client'").every((file) => roomOf(file) === 'metrics')).toBe(true);
  expect(using("native.ts'").every((file) => roomOf(file) === 'switch')).toBe(true);
});
