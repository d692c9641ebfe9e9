// The archive and the Debian package have the same bytes each time, wherever and whenever their files were written.
import { readdirSync, readFileSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { run } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

interface Pack {
  packArchive(directory: string, archive: string): void;
  packDebian(tree: string, deb: string): void;
  installedKilobytes(tree: string): number;
}

const from = async (name: string) => await import(new URL(`../../scripts/package/${name}.mjs`, import.meta.url).href);
const { packArchive, packDebian, installedKilobytes } = (await from('pack')) as Pack;
const { write } = (await from('tree')) as { write(path: string, text: string, mode?: number): void };

const CONTROL = 'Package: t\nVersion: 1\nArchitecture: all\nMaintainer: t <t@example.org>\nDescription: t\n';
type File = readonly [path: string, text: string, mode?: number];
const FILES: readonly File[] = [
  ['DEBIAN/control', CONTROL],
  ['usr/bin/a', '#!/bin/sh\n', 0o755],
  ['usr/share/t/b', 'x'.repeat(1500)],
  ['usr/share/t/deep/c', ''],
];

/** Writes files in their order, by a umask, and returns their directory. */
function tree(files: readonly File[], umask: number): string {
  const home = temporaryDirectory();
  const before = process.umask(umask);
  for (const [path, text, mode] of files) write(join(home, path), text, mode);
  symlinkSync('a', join(home, 'usr/bin/link'));
  process.umask(before);
  return home;
}

afterEach(() => {
  vi.unstubAllEnvs();
});

describeWith(['tar', 'xz', 'dpkg-deb'], 'packing', () => {
  test.each([
    ['an archive', packArchive],
    ['a Debian package', packDebian],
  ])('%s has the same bytes from files of another order, umask and time', (_, pack) => {
    vi.stubEnv('SOURCE_DATE_EPOCH', '1700000000');
    const made = join(temporaryDirectory(), 'made');
    pack(tree(FILES, 0o022), made);
    const again = tree(FILES.toReversed(), 0o077);
    for (const name of readdirSync(again, { recursive: true })) utimesSync(join(again, String(name)), 1000, 1000);
    pack(again, `${made}-again`);
    expect(readFileSync(`${made}-again`).equals(readFileSync(made))).toBe(true);
  });

  test("an archive's files belong to root and have the time of the commit", async () => {
    vi.stubEnv('SOURCE_DATE_EPOCH', '1700000000');
    const made = join(temporaryDirectory(), 'made.tar.xz');
    packArchive(tree(FILES, 0o077), made);
    const { stdout } = await run('tar', ['-tvJf', made, '--numeric-owner', '--utc', '--full-time']);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(11); // four files, a link and six directories
    for (const line of lines) expect(line).toMatch(/ 0\/0 +\d+ 2023-11-14 22:13:20 /);
    expect(lines.find((line) => line.endsWith(' usr/bin/a'))).toMatch(/^-rwxr-xr-x /);
    expect(lines.find((line) => line.endsWith(' usr/share/t/b'))).toMatch(/^-rw-r--r-- /);
    expect(lines.find((line) => line.endsWith(' usr/share/'))).toMatch(/^drwxr-xr-x /);
  });

  test("a Debian package's parts have the time of the commit", () => {
    vi.stubEnv('SOURCE_DATE_EPOCH', '1700000000');
    const made = join(temporaryDirectory(), 'made.deb');
    packDebian(tree(FILES, 0o022), made);
    // Each header of ar(5) has a name of 16 characters and then the time.
    const times = readFileSync(made, 'latin1').matchAll(/(debian-binary|control\.tar\.xz|data\.tar\.xz) +(\d+)/g);
    expect([...times].map(([, , time]) => time)).toEqual(['1700000000', '1700000000', '1700000000']);
  });

  test('the installed size counts files in whole KiB, and 1 for each directory and link', () => {
    // The directories usr, bin, share, t and deep, the link, and the files of 1, 2 and 0 KiB.
    expect(installedKilobytes(join(tree(FILES, 0o022), 'usr'))).toBe(5 + 1 + 3);
  });
});
