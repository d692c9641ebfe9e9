// systemd units that start tsvde where it is installed. They are made from the templates in contrib/systemd.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ExitError, USAGE } from '../system/exit-error.ts';
import { PACKAGE_ROOT } from '../system/package-root.ts';

const TEMPLATES = `${PACKAGE_ROOT}/contrib/systemd`;
const PROGRAM = `${PACKAGE_ROOT}/bin/tsvde`;
const SUFFIX = '.service';

/** Returns the text of a unit, given as `tsvde` or `tsvde@`, with or without `.service`. */
export function systemdUnit(name = 'tsvde'): string {
  const names = readdirSync(TEMPLATES).map((file) => file.replace(`${SUFFIX}.in`, ''));
  const stem = name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name;
  if (!names.includes(stem)) throw new ExitError(USAGE, `there is no unit '${name}': there are ${names.join(' and ')}`);
  const template = readFileSync(join(TEMPLATES, `${stem}${SUFFIX}.in`), 'utf8');
  return template.replaceAll('@TSVDE@', command().map(unitWord).join(' '));
}

/**
 * Returns the words that start this tsvde. A launcher that searches the PATH for Node is given the present Node, which
 * systemd's PATH may not contain.
 */
function command(): string[] {
  const searches = readFileSync(PROGRAM, 'utf8').startsWith('#!/usr/bin/env ');
  return searches ? [process.execPath, PROGRAM] : [PROGRAM];
}

/** Quotes a word of a command line in a unit (systemd.service(5), COMMAND LINES; systemd.unit(5), SPECIFIERS). */
function unitWord(word: string): string {
  const escaped = word.replace(/["\\]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@+=:,./-]+$/.test(word) ? word : `"${escaped}"`;
}
