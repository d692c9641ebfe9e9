// Where a user's own files are.
import { homedir } from 'node:os';

/** As containers have it, `/` for one whom neither the environment nor an account names a place. */
export function homeDirectory(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}
