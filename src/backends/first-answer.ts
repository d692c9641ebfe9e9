// Waits up to a second for a first connection. If the peer answers at once, the connection exists when the switch's
// start or the console command continues; a peer that does not answer delays them by that second only.
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
