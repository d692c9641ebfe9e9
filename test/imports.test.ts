// The order of the rooms, which are the directories in src/: imports between them, those of types included, go one way,
// and no two files depend on each other.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** From the bottom to the top: a file may import from its own room and from those in earlier rows of this list. */
const ROOMS = [
  ['protocol', 'fstp'],
  ['system'],
  ['plug'],
  ['backends', 'control'],
  ['switch'],
  ['http'],
  ['console', 'ctl', 'metrics', 'qemu', 'web'],
  ['cli', 'index.ts'],
];
/** Rooms that import no other room. */
const PURE = ['protocol', 'fstp'];

const source = fileURLToPath(new URL('../src/', import.meta.url));
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
const imports = new Map(files.map((file) => [file, importsOf(file, readFileSync(join(source, file), 'utf8'))]));

/** The paths below src/ that a file names, in whatever form: `import`, `import type`, `export … from`, `import()`. */
function importsOf(file: string, text: string): string[] {
  const named = [...text.matchAll(/(?:\bfrom|\bimport\(|\bimport)\s*'(\.[^']+)'/g)].map(([, name]) => name!);
  return named.map((name) => normalize(join(dirname(file), name))).filter((name) => !name.startsWith('..'));
}

function roomOf(file: string): string {
  return file.split(sep)[0]!;
}

function rankOf(file: string): number {
  const rank = ROOMS.findIndex((rooms) => rooms.includes(roomOf(file)));
  if (rank < 0) throw new Error(`src/${file} is in none of the rooms: ${ROOMS.flat().join(', ')}`);
  return rank;
}

/** Returns what is wrong with the import of one file by another, or undefined. */
function fault(file: string, imported: string): string | undefined {
  if (roomOf(imported) === roomOf(file)) return undefined;
  if (PURE.includes(roomOf(file))) return `${file} imports ${imported}, but ${roomOf(file)} imports no other room`;
  if (rankOf(imported) < rankOf(file)) return undefined;
  return `${file} imports ${imported}, which is not in a lower room`;
}

/**
 * Returns the files of a circle of imports, in order, with the first file again at the end; undefined if there is no
 * circle.
 */
function circle(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const search = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (finished.has(file)) return undefined;
    for (const next of graph.get(file) ?? []) {
      const found = search(next, [...path, file]);
      if (found) return found;
    }
    finished.add(file);
    return undefined;
  };
  for (const file of graph.keys()) {
    const found = search(file, []);
    if (found) return found;
  }
  return undefined;
}

describe('the rooms of src/', () => {
  test.each(files)('%s imports only from its own room and lower ones', (file) => {
    rankOf(file);
    expect(imports.get(file)!.flatMap((imported) => fault(file, imported) ?? [])).toEqual([]);
  });

  test('no file imports itself by way of others', () => {
    expect(circle(imports)).toBeUndefined();
  });

  test('every import leads to a file', () => {
    expect([...imports.values()].flat().filter((imported) => !files.includes(imported))).toEqual([]);
  });

  test('only native.ts loads the addon, only cli knows commander, only metrics knows prom-client', () => {
    const naming = (text: string) => files.filter((file) => readFileSync(join(source, file), 'utf8').includes(text));
    expect(naming('tsvde.node')).toEqual([join('system', 'binaries.ts')]);
    expect(naming('addonPath()')).toEqual(['binaries.ts', 'native.ts'].map((name) => join('system', name)));
    expect(naming("from 'commander'").map(roomOf)).toEqual(naming("from 'commander'").map(() => 'cli'));
    expect(naming("from 'prom-client'").map(roomOf)).toEqual(naming("from 'prom-client'").map(() => 'metrics'));
  });
});

describe('the guard itself', () => {
  test('refuses an import that goes up, sideways or out of a pure room, also of a type', () => {
    const [upward] = importsOf('backends/kind.ts', "import type { Switch } from '../switch/switch.ts';");
    expect(fault('backends/kind.ts', upward!)).toContain('not in a lower room');
    expect(fault('control/clients.ts', 'backends/kind.ts')).toContain('not in a lower room');
    expect(fault('fstp/machine.ts', 'protocol/mac.ts')).toContain('imports no other room');
    expect(fault('switch/switch.ts', 'backends/kind.ts')).toBeUndefined();
  });

  test('finds a circle of two files, also one that another file leads to, and none where there is none', () => {
    expect(circle(new Map([['a', ['b']], ['b', ['a']]]))).toEqual(['a', 'b', 'a']); // biome-ignore format: a graph
    expect(circle(new Map([['a', ['b']], ['b', ['c', 'd']], ['c', []], ['d', ['b']]]))).toEqual(['b', 'd', 'b']); // biome-ignore format: a graph
    expect(circle(new Map([['a', ['b', 'c']], ['b', ['c']], ['c', []]]))).toBeUndefined(); // biome-ignore format: a graph
  });

  test('refuses a file outside every room', () => {
    expect(() => rankOf('stray.ts')).toThrow('src/stray.ts is in none of the rooms');
  });
});
