// Waits up to a second for a first connection, so that a peer that answers at once is connected before the switch's
// start or the console command continues. A peer that does not answer delays the start or the command by one second.
import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 1000;

/** Resolves when the attempt does, or after a second. Rejects if the attempt is rejected within that second. */
export async function firstAnswer(attempt: Promise<void>): Promise<void> {
  const answered = new AbortController();
  try {
    await Promise.race([attempt, pause(PATIENCE_MS, undefined, { signal: answered.signal }).catch(() => {})]);
  } finally {
    answered.abort();
  }
}
