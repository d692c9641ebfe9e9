// The npm packages that `npm run package` makes: what they contain, and that two runs give the same bytes. Installing
// them on clean machines is what `npm run package:test` does.
import { mkdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { run } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

type MakeNpmPackages = (staging: string, release: string) => string[];

const { makeNpmPackages } = (await import(new URL('../../scripts/package/npm.mjs', import.meta.url).href)) as {
  makeNpmPackages: MakeNpmPackages;
};

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Packing takes seconds, most of them npm's. */
const TIMEOUT_MS = 120_000;

function packages(): [string, string] {
  const home = temporaryDirectory();
  mkdirSync(`${home}/release`);
  return makeNpmPackages(`${home}/staging`, `${home}/release`) as [string, string];
}

/** Unpacks a package. Returns its directory and the names of its files. */
async function unpack(tarball: string): Promise<{ directory: string; files: string[] }> {
  const home = temporaryDirectory();
  await run('tar', ['-xzf', tarball, '-C', home]);
  const { stdout } = await run('find', ['.', '-type', 'f', '-printf', '%P\n'], { cwd: `${home}/package` });
  return { directory: `${home}/package`, files: stdout.trim().split('\n').sort() };
}

describeWith(['objdump', 'strip', 'tar'], 'the npm packages', () => {
  test('are the same bytes each time, hold no script, build file or object file, and name the binaries as an optional one', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const [main, platform] = packages();
    for (const [i, path] of packages().entries())
      expect(readFileSync(path).equals(readFileSync([main, platform][i]!)), `${basename(path)} again`).toBe(true);

    const { directory, files } = await unpack(main);
    const manifest = JSON.parse(readFileSync(`${directory}/package.json`, 'utf8'));
    expect(Object.keys(manifest)).not.toEqual(expect.arrayContaining(['scripts']));
    expect(manifest).not.toHaveProperty('private');
    expect(manifest).not.toHaveProperty('devDependencies');
    expect(manifest.optionalDependencies).toEqual({ '@tsvde/linux-x64-gnu': manifest.version });
    expect(files.filter((name) => /\.(gyp|o|a|node|cc|h)$/.test(name))).toEqual([]);
    for (const path of [...Object.values(manifest.bin as Record<string, string>), ...manifest.man])
      expect(files).toContain(path);

    const binaries = await unpack(platform);
    // A path of this checkout would make the bytes those of one directory.
    for (const home of [directory, binaries.directory])
      expect(await run('grep', ['-rlaF', ROOT, home])).toMatchObject({ code: 1, stdout: '' });
    const about = JSON.parse(readFileSync(`${binaries.directory}/package.json`, 'utf8'));
    expect(about).toMatchObject({ version: manifest.version, os: ['linux'], cpu: ['x64'], libc: ['glibc'] });
    expect(about.glibc).toMatch(/^2\.\d+$/);
    expect(binaries.files).toEqual(
      ['LICENSE', 'README.md', 'package.json', 'tsvde-filter', 'tsvde-slirp', 'tsvde.node'].sort(),
    );
    for (const name of ['tsvde.node', 'tsvde-slirp', 'tsvde-filter']) {
      const { stdout } = await run('objdump', ['-p', `${binaries.directory}/${name}`]);
      expect(stdout).not.toContain('libstdc++');
      expect(stdout).not.toContain('GLIBCXX');
    }
  });
});
