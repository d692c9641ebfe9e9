// The versions that the programs report: tsvde's own, and that of the vde_switch whose behaviour tsvde has.
import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** The version of tsvde itself. */
export const TSVDE_VERSION = version;
/** The version for programs that expect one of vde_switch's. */
export const VDE_VERSION = `2.3.3+tsvde.${version}`;
