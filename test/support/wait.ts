// Waits for an event itself, never for a fixed time.

/** Resolves with the first truthy answer of `probe`; throws with `what` in the message if there is none in time. */
export async function until<T>(
  probe: () => T | Promise<T>,
  what: string | (() => string),
  milliseconds = 5000,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + milliseconds;
  for (let tries = 0; ; tries++) {
    const answer = await probe();
    if (answer) return answer;
    if (Date.now() > deadline)
      throw new Error(`waited ${milliseconds} ms in vain for ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(tries, 10)));
  }
}
