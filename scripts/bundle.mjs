// Joins the modules of the programs into a few files in dist/bin/, as CommonJS: loading 140 modules, or Node's loader
// of ES modules, would take a large part of each start. dist/bin/ has the same depth as dist/system/, so that
// PACKAGE_ROOT (src/system/package-root.ts) is the same in both.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { licencesOf } from './licences.mjs';

/** The modules in src/cli/ that the files of bin/ launch. */
export const PROGRAMS = ['tsvde', 'tsvdectl', 'tsvdeq', 'unixcmd', 'unixterm', 'vdeterm'];

/**
 * The programs that load a part of their modules late, and the parts that have a file of their own: a module and
 * everything that it imports. What the program always loads is in the program's own file.
 */
const SPLIT = {
  // Every switch loads the modules of its console, which are imported late.
  tsvde: { serve: /\/(cli\/run|console\/(context|server))\.js$/ },
  tsvdectl: {},
};

/** Returns rolldown's option for a program's files, or false if the program has one file. */
function splitting(name) {
  const parts = SPLIT[name];
  if (parts === undefined) return false;
  const always = { name, tags: ['$initial'], priority: 1 };
  return { groups: [always, ...Object.entries(parts).map(([part, test]) => ({ name: part, test }))] };
}

/**
 * Modules of Node that few runs of a program use, and that take long to load: with Node 24, child_process takes a fifth
 * of the time of `node -e 0`. They are loaded on the first call of one of their functions or constructors.
 */
const LOADED_LATE = [
  'child_process',
  'dns/promises',
  'fs/promises',
  'http',
  'module',
  'readline',
  'stream/promises',
  'timers/promises',
  'tty',
].map((name) => `node:${name}`);

/** Packages whose only export is a function that few runs call. Evaluating the package takes 0.7 ms. */
const EVALUATED_LATE = ['fast-string-truncated-width'];

const LATE = '\0late:';
const require = createRequire(import.meta.url);

/**
 * Replaces the modules of LOADED_LATE and EVALUATED_LATE by functions that load the module when they are called. A class
 * of such a module can only be constructed: `extends` and `instanceof` do not work with it.
 */
const loadLate = {
  name: 'load-late',
  resolveId: (id) => (LOADED_LATE.includes(id) || EVALUATED_LATE.includes(id) ? LATE + id : undefined),
  load(id) {
    if (!id.startsWith(LATE)) return undefined;
    const name = id.slice(LATE.length);
    if (EVALUATED_LATE.includes(name))
      return `export default function () { return require(${JSON.stringify(require.resolve(name))}).default(...arguments); }`;
    const exported = require(name);
    return Object.keys(exported)
      .filter((key) => typeof exported[key] === 'function')
      .map((key) => {
        const late = `process.getBuiltinModule('${name}').${key}`;
        return `export function ${key}() { return ${/^[A-Z]/.test(key) ? `new (${late})` : late}(...arguments); }`;
      })
      .join('\n');
  },
};

/** The module that draws `tsvdectl top`, and its bundle. */
const TOP = 'ctl/top/run-top.js';
const TOP_BUNDLE = './top.mjs';

const topApart = {
  name: 'top-apart',
  resolveId: (id) => (id.endsWith(`/${TOP}`) ? { id: TOP_BUNDLE, external: true } : undefined),
  // import() does not work in a script that bin/launch.js runs. The require() that bin/launch.js passes to the script
  // calls import() for an ES module.
  renderChunk: (code) => code.replaceAll(`import("${TOP_BUNDLE}")`, `require("${TOP_BUNDLE}")`),
};

/**
 * Leaves out comments. With characters beyond ASCII, V8 would keep the text of a file in twice the memory, and read it
 * more slowly.
 */
const COMPACT = {
  comments: false,
  minify: { compress: false, mangle: false, codegen: { asciiOnly: true, removeWhitespace: false } },
};

/** Leaves out ink's debugger. */
const noDebugger = {
  name: 'no-debugger',
  load: (id) => (/\/ink\/build\/devtools\.js$/.test(id) ? '' : undefined),
};

/**
 * Bundles each program with everything that it imports, except the package's dependencies. Each program has files of
 * its own, since each further file that is loaded makes the start about 1 % longer. `tsvdectl top` has a bundle of ES
 * modules, since a module of ink's awaits at its top level.
 */
export async function bundlePrograms(root, dist) {
  const { version, dependencies = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { build } = await import('rolldown');
  const common = { external: Object.keys(dependencies), platform: 'node' };
  const chunks = [];
  for (const name of PROGRAMS) {
    const { output } = await build({
      ...common,
      input: join(dist, 'cli', `${name}.js`),
      // Lets the program's own file export what its parts import; otherwise that file would only load a further file.
      preserveEntrySignatures: 'allow-extension',
      plugins: [loadLate, topApart],
      transform: { define: { BUNDLED_VERSION: JSON.stringify(version) } },
      output: {
        ...COMPACT,
        dir: join(dist, 'bin'),
        format: 'cjs',
        entryFileNames: '[name].cjs',
        chunkFileNames: `${name}-[name].cjs`,
        codeSplitting: splitting(name),
      },
    });
    chunks.push(...output);
  }
  const top = join(dist, TOP);
  // A test's small checkout has no such module.
  if (existsSync(top)) {
    const { output } = await build({
      ...common,
      input: top,
      plugins: [noDebugger],
      // React's checks for development are left out.
      transform: { define: { 'process.env.NODE_ENV': '"production"' } },
      output: { ...COMPACT, file: join(dist, 'bin', TOP_BUNDLE), format: 'esm', codeSplitting: false },
    });
    chunks.push(...output);
  }
  // bin/launch.js reads the files as Latin-1.
  const foreign = chunks.find(
    ({ fileName, code }) => fileName.endsWith('.cjs') && Buffer.byteLength(code) > code.length,
  );
  if (foreign) throw new Error(`dist/bin/${foreign.fileName} has a character beyond ASCII: write it as an escape`);
  writeFileSync(join(dist, 'bin/LICENCES'), licencesOf(chunks));
}
