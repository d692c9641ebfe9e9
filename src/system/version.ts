// The versions that the programs report: tsvde's own, and the version of vde_switch whose behaviour tsvde follows.
import { readFileSync } from 'node:fs';
import { PACKAGE_ROOT } from './package-root.ts';

/** The version, which the bundler puts into the programs, since reading package.json would slow down their start. */
declare const BUNDLED_VERSION: string | undefined;

const version =
  typeof BUNDLED_VERSION === 'string'
    ? BUNDLED_VERSION
    : (JSON.parse(readFileSync(`${PACKAGE_ROOT}/package.json`, 'utf8')) as { version: string }).version;

/** The version of tsvde itself. */
export const TSVDE_VERSION = version;
/** The version for programs that expect a version of vde_switch. */
export const VDE_VERSION = `2.3.3+tsvde.${version}`;
