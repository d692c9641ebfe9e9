// What this program calls itself: its own version, behind the vde_switch version whose behaviour it has.
import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** Of tsvde itself. */
export const TSVDE_VERSION = version;
/** For programs that look for vde_switch's. */
export const VDE_VERSION = `2.3.3+tsvde.${version}`;
