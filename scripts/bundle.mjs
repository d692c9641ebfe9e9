// Joins the modules of the programs into a few files in dist/bin/, as CommonJS: loading 140 modules, or Node's loader of
// ES modules, would take a large part of each start. dist/bin/ has the same depth as dist/cli/, so that relative paths
// lead to the same places.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The modules in src/cli/ that the files of bin/ launch. */
export const PROGRAMS = ['tsvde', 'tsvdectl', 'tsvdeq', 'unixcmd', 'unixterm', 'vdeterm'];

/**
 * Modules of Node that few runs of a program use, and that take long to load: child_process alone takes 8 % of the time
 * of `node -e 0`. They are loaded when one of their functions is called.
 */
const LOADED_LATE = ['child_process', 'dns/promises', 'fs/promises', 'http', 'readline', 'stream/promises'].map(
  (name) => `node:${name}`,
);

const LATE = '\0late:';
const require = createRequire(import.meta.url);

/** Replaces the modules of LOADED_LATE by functions that load the module when they are called. */
const loadLate = {
  name: 'load-late',
  resolveId: (id) => (LOADED_LATE.includes(id) ? LATE + id : undefined),
  load(id) {
    if (!id.startsWith(LATE)) return undefined;
    const name = id.slice(LATE.length);
    return Object.entries(require(name))
      .filter(([key, value]) => typeof value === 'function' && /^[a-z]/.test(key))
      .map(([key]) => `export function ${key}() { return process.getBuiltinModule('${name}').${key}(...arguments); }`)
      .join('\n');
  },
};

/**
 * Bundles each program with everything that it imports, except the package's dependencies. Each program has files of its
 * own, since each further file that a start loads takes about 1 % of it.
 */
export async function bundlePrograms(root, dist) {
  const { version, dependencies = {} } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const { build } = await import('rolldown');
  const bundled = new Set();
  for (const name of PROGRAMS) {
    const { output } = await build({
      input: join(dist, 'cli', `${name}.js`),
      external: Object.keys(dependencies),
      platform: 'node',
      plugins: [loadLate],
      transform: { define: { BUNDLED_VERSION: JSON.stringify(version) } },
      output: {
        dir: join(dist, 'bin'),
        format: 'cjs',
        entryFileNames: '[name].cjs',
        chunkFileNames: `${name}-[name].cjs`,
      },
    });
    for (const id of output.flatMap(({ moduleIds = [] }) => moduleIds).filter((id) => !id.startsWith(dist))) {
      const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id) ?? [];
      if (name) bundled.add(name);
    }
  }
  const licences = [...bundled].sort().map((name) => `${name}\n\n${licenceOf(root, name)}`);
  if (licences.length > 0) writeFileSync(join(dist, 'bin/LICENCES'), licences.join(`\n${'-'.repeat(72)}\n\n`));
}

function licenceOf(root, name) {
  const directory = join(root, 'node_modules', name);
  const file = ['LICENSE', 'license', 'LICENSE.md'].find((file) => {
    try {
      return readFileSync(join(directory, file));
    } catch {
      return false;
    }
  });
  if (file === undefined) throw new Error(`cannot bundle ${name}: its package has no licence file`);
  return readFileSync(join(directory, file), 'utf8');
}
