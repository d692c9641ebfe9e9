// docs/migration.md: what it tells users to write is what the programs accept.
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parsePortRequest } from '../src/backends/kinds.ts';
import { menus } from '../src/console/menus.ts';

const root = new URL('../', import.meta.url);
const text = readFileSync(new URL('docs/migration.md', root), 'utf8');

test('the specs are valid', () => {
  const specs = [...text.matchAll(/[` ]((?:user|vde|tap|stream),[^` ]+)/g)]
    .map(([, spec]) => spec!)
    .filter((spec) => !spec.includes('…'));
  expect(specs.length).toBeGreaterThan(4);
  for (const spec of specs) expect(parsePortRequest(spec).spec).toBe(spec);
});

test("the console's commands exist", () => {
  const known = menus.flatMap(({ commands }) => commands).map(({ path }) => path);
  const named = [...text.matchAll(/(?:tsvdectl|unixterm|vdecmd|echo)[^`|]*? ((?:port|user|vlan|hash)\/\w+)/g)].map(
    ([, path]) => path!,
  );
  expect(named.length).toBeGreaterThan(5);
  for (const path of named) expect(known).toContain(path);
});

test('the programs under the names of vde2 exist', () => {
  const [, list = ''] = /starts (`vde_switch`[\s\S]*?) by name/.exec(text) ?? [];
  const names = [...list.matchAll(/`(\w+)`/g)].map(([, name]) => name!);
  expect(names.length).toBe(8);
  for (const name of names) expect(existsSync(new URL(`bin/compat/${name}`, root)), name).toBe(true);
});

test('the stanza for ifupdown is that of contrib/', () => {
  const stanza = readFileSync(new URL('contrib/network/interfaces', root), 'utf8').replace(/^#.*\n/, '');
  expect(text).toContain(`\`\`\`\n${stanza}\`\`\`\n`);
});
