// Takes samples of a view one after another, and shows each with the rates since the sample before.
import type { AskData } from './console-data.ts';
import type { Shown, View } from './views/view.ts';

/**
 * Returns a function that takes a sample and shows it. The first sample has no rates. Throws ExitError if the console
 * replies with an error or disconnects.
 */
export function sampler(view: View, ask: AskData, argument: string): () => Promise<Shown> {
  let before: { sample: unknown; at: number } | undefined;
  return async () => {
    const now = { sample: await view.sample(ask, argument), at: performance.now() };
    const since = before ?? now;
    before = now;
    return view.show(now.sample, since.sample, Math.max((now.at - since.at) / 1000, Number.EPSILON));
  };
}
