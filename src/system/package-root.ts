// The directory of this package, in which the programs find their other files.
import { dirname } from 'node:path';

/** This module is in src/system, dist/system or, as part of a bundle, in dist/bin. */
export const PACKAGE_ROOT = dirname(dirname(import.meta.dirname));
