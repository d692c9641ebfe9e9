// Finds the compiled parts of tsvde (the addon and the helper programs), or explains why they cannot be used. They are
// in the platform's package or, in a checkout, in the directory of the local build.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ExitError } from './exit-error.ts';
import { PACKAGE_ROOT } from './package-root.ts';
import { TSVDE_VERSION } from './version.ts';

const LOCAL_BUILD = `${PACKAGE_ROOT}/native/build/Release`;
const ADDON = 'tsvde.node';
const PLATFORM = `${process.platform}-${process.arch}`;
const PACKAGE = `@tsvde/${PLATFORM}-gnu`;

/** How to install the platform's package. Its tarball comes with that of tsvde. */
const INSTALL =
  `run 'npm install tsvde-${PLATFORM}-gnu-${TSVDE_VERSION}.tgz', with --global if tsvde is installed globally, ` +
  "or 'npm run build' in a checkout of tsvde";
const BUILD_HERE = `run 'npm run build' in '${PACKAGE_ROOT}'`;
const BUILD_ELSEWHERE = "in a checkout of tsvde, run 'npm run build' and then 'npm install --global .'";

/**
 * Returns the directory of the addon and the helper programs. Throws ExitError with the reason and the remedy if there
 * is none.
 */
export function binaries(): string {
  directory ??= packageDirectory() ?? (existsSync(`${LOCAL_BUILD}/${ADDON}`) ? LOCAL_BUILD : undefined);
  if (directory === undefined) throw new ExitError(1, absence());
  return directory;
}

let directory: string | undefined;

export function addonPath(): string {
  return `${binaries()}/${ADDON}`;
}

/** Returns the directory of the platform's package. Where tsvde contains that package, Node need not search for it. */
function packageDirectory(): string | undefined {
  const contained = `${PACKAGE_ROOT}/node_modules/${PACKAGE}`;
  if (existsSync(`${contained}/package.json`)) return contained;
  try {
    return dirname(createRequire(import.meta.filename).resolve(`${PACKAGE}/package.json`));
  } catch {
    return undefined;
  }
}

function absence(): string {
  // Only the published package.json has this field: it names the platforms' packages.
  const { optionalDependencies: packages } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'));
  if (packages === undefined) return `tsvde is not built: ${BUILD_HERE}`;
  if (packages[PACKAGE] === undefined || glibcVersion() === undefined)
    return `tsvde has no binaries for ${PLATFORM} with ${glibcVersion() === undefined ? 'musl' : 'glibc'}: ${BUILD_ELSEWHERE}`;
  return `the package ${PACKAGE}, which holds tsvde's binaries, is not installed: ${INSTALL}`;
}

/** Returns the error for an addon that the dynamic linker refuses for the reason `why`. */
export function cannotLoad(path: string, why: string): ExitError {
  const installed = glibcVersion();
  const needed = neededGlibc(dirname(path));
  if (needed !== undefined && installed === undefined)
    return new ExitError(1, `tsvde's binaries need glibc, and this system has musl: ${BUILD_ELSEWHERE}`);
  if (needed !== undefined && isOlder(installed!, needed))
    return new ExitError(
      1,
      `tsvde's binaries need glibc ${needed} or newer, and this system has ${installed}: ${BUILD_ELSEWHERE}`,
    );
  return new ExitError(1, `the addon cannot be loaded: ${why.split('\n', 1)[0]}; to replace it, ${remedyFor(path)}`);
}

export function otherVersion(path: string, version: string | undefined): ExitError {
  const other = version === undefined ? 'of another version' : `of version ${version}`;
  return new ExitError(1, `'${path}' is ${other}, but tsvde is of version ${TSVDE_VERSION}: ${remedyFor(path)}`);
}

function remedyFor(path: string): string {
  return dirname(path) === LOCAL_BUILD ? BUILD_HERE : INSTALL;
}

/**
 * Returns the version of glibc that the platform's package needs, as measured when it was made; undefined for a local
 * build.
 */
function neededGlibc(packageDirectory: string): string | undefined {
  try {
    return JSON.parse(readFileSync(join(packageDirectory, 'package.json'), 'utf8')).glibc;
  } catch {
    return undefined;
  }
}

/** Returns the version of the running glibc, such as `2.36`; undefined for another libc. */
function glibcVersion(): string | undefined {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}

function isOlder(version: string, than: string): boolean {
  const [major, minor] = version.split('.').map(Number) as [number, number];
  const [thanMajor, thanMinor] = than.split('.').map(Number) as [number, number];
  return major !== thanMajor ? major < thanMajor : minor < thanMinor;
}
