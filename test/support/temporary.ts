// Directories for one test. Their names are short, since a socket's path has room for only 107 bytes.
import { mkdtempSync, rmSync } from 'node:fs';
import { atEnd } from './at-end.ts';

export function temporaryDirectory(): string {
  const path = mkdtempSync('/tmp/tsv-');
  atEnd(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
