// The user's home directory.
import { homedir } from 'node:os';

/** Returns the home directory, or `/` for a user with neither HOME nor an account, as in containers. */
export function homeDirectory(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}
