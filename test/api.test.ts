// The API reference is what the library declares: every export is documented, and every type that a signature names is
// exported.
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
// @ts-expect-error: a script, which has no types
import { describeApi, reference } from '../scripts/api.mjs';
import { run } from './support/process.ts';
import { temporaryDirectory } from './support/temporary.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

test('every export and its members are documented, no type is forgotten, and docs/api.md is up to date', () => {
  const { text, problems } = describeApi() as { text: string; problems: string[] };
  expect(problems).toEqual([]);
  const hint = 'the library has changed: run `npm run build:ts && npm run api` and commit docs/api.md';
  expect(readFileSync(reference, 'utf8'), hint).toBe(text);
}, 60_000);

test('a TypeScript program that uses what is not public, or does not exist, does not compile', async () => {
  const home = temporaryDirectory();
  mkdirSync(`${home}/node_modules`);
  symlinkSync(root, `${home}/node_modules/tsvde`);
  symlinkSync(`${root}node_modules/@types`, `${home}/node_modules/@types`);
  writeFileSync(`${home}/package.json`, '{ "type": "module" }');
  const refused = [
    'new Plug({});',
    'new Switch({ hubb: true });',
    "sw.bind({ directory: '' }, async () => undefined);",
    'sw.capture.deliver({});',
    'sw.attachments()[0]!.backend;',
    "sw.attach({ kind: 'tap', ifnam: '' });",
    "sw.attach({ kind: 'vde' });",
  ];
  const program = `import { Plug, type SpecObject, serveConsole, serveMetrics, servePage, Switch } from 'tsvde';
const sw = new Switch({ hub: true });
const spec: SpecObject = { kind: 'user', hostfwd: ['tcp::1-:2'] };
sw.attach(spec, { signal: AbortSignal.timeout(5) });
for await (const frame of sw.plug()) frame.length.toFixed();
serveConsole(sw, { path: '' });
serveMetrics(sw, { port: 0 });
servePage(sw, { path: '', mode: 0o600, hosts: [] });
${refused.map((line) => `// @ts-expect-error\n${line}`).join('\n')}`;
  writeFileSync(`${home}/program.ts`, program);
  // `--lib es2022` does not include the types for `using`, which the declarations need; @types/node supplies them.
  const options = '--noEmit --strict --target es2022 --lib es2022 --module nodenext --types node'.split(' ');
  expect(await run(`${root}node_modules/.bin/tsc`, [...options, 'program.ts'], { cwd: home })).toMatchObject({
    code: 0,
    stdout: '',
  });
});

test('the API reference contains nothing internal', () => {
  const text = readFileSync(reference, 'utf8');
  expect(text).not.toMatch(/@internal|#?private|Native|PrepareOther|Backend\b|\bdeliver\(|bindWith/);
});
