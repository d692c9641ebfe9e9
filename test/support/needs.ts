// Suites that need programs or permissions that a machine may not have. If one is missing, the suite is skipped and the
// skip names what is missing; with CI=true, where everything must be there, the suite fails. `npm run check` runs no
// suite with a need, so that it gives the same result on every machine. A file that is run as another user skips the
// suites for root.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'vitest';
import { canLimitMemory } from './memory-limit.ts';

/**
 * `root`, `tun` (a usable /dev/net/tun), `memory-limit` (a control group with one), a command on the PATH, or the path of
 * a program.
 */
export type Need = 'root' | 'tun' | 'memory-limit' | (string & {});

export function describeWith(needs: readonly Need[], name: string, body: () => void): void {
  if (process.env.TSVDE_CHECK !== undefined) {
    describe.skip(`${name} (needs ${needs.join(', ')})`, body);
    return;
  }
  const missing = needs.filter((need) => !isThere(need));
  if (missing.length === 0) {
    describe(name, body);
  } else if (process.env.CI === 'true' && process.env.TSVDE_ANOTHER_USER === undefined) {
    test(name, () => {
      throw new Error(`missing here: ${missing.join(', ')}`);
    });
  } else {
    describe.skip(`${name} (missing here: ${missing.join(', ')})`, body);
  }
}

export function isThere(need: Need): boolean {
  if (need === 'root') return process.geteuid?.() === 0;
  if (need === 'tun') return isAccessible('/dev/net/tun', constants.R_OK | constants.W_OK);
  if (need === 'memory-limit') return canLimitMemory();
  if (need.includes('/')) return isAccessible(need, constants.X_OK);
  const places = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return places.some(
    (place) => isAccessible(join(place, need), constants.X_OK) && statSync(join(place, need)).isFile(),
  );
}

function isAccessible(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
