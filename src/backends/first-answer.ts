// Waits up to a second for a first connection. If the peer answers at once, it is already connected when the start or the console
// command continues; a peer that does not answer delays them by no more than that second.
import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 1000;

/** Resolves with the attempt, or after a second without it. Rejects if the attempt does within that second. */
export async function firstAnswer(attempt: Promise<void>): Promise<void> {
  const answered = new AbortController();
  try {
    await Promise.race([attempt, pause(PATIENCE_MS, undefined, { signal: answered.signal }).catch(() => {})]);
  } finally {
    answered.abort();
  }
}
