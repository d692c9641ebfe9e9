// A start, or a session of the console, waits a moment for what is to connect, so that it finds it connected where that can
// be had at once; for one that is silent nobody is kept waiting.
import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 1000;

/** Resolves with the first attempt, or a moment later without it. Rejects where that does meanwhile. */
export async function firstAnswer(attempt: Promise<void>): Promise<void> {
  const answered = new AbortController();
  try {
    await Promise.race([attempt, pause(PATIENCE_MS, undefined, { signal: answered.signal }).catch(() => {})]);
  } finally {
    answered.abort();
  }
}
