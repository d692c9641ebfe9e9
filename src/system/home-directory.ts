// The user's home directory.
import { homedir } from 'node:os';

/** Returns `/` for a user without HOME and without an account, as in containers. */
export function homeDirectory(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}
