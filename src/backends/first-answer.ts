// Waiting for a peer, but not for long: the start or a console session should find a peer that answers at once connected, and
// must not be delayed by one that is silent.
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
