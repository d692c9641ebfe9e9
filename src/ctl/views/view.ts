// The type of a view: data of the console, shown as a table to people and as JSON to programs.
import type { AskData } from '../console-data.ts';
import type { Screen } from '../table.ts';

export interface View<Sample = unknown> {
  name: string;
  syntax: string;
  help: string;
  /** Whether the view shows rates, for which it needs two samples. */
  rates: boolean;
  sample(ask: AskData, argument: string): Promise<Sample>;
  /** Shows the sample `now`, with rates since the sample `before`, which was taken `seconds` earlier. */
  show(now: Sample, before: Sample, seconds: number): Shown;
}

export interface Shown {
  data: unknown;
  draw(screen: Screen): string[];
}

/** Returns the view unchanged. The compiler checks here that show() takes the type that sample() returns. */
export function defineView<Sample>(view: View<Sample>): View {
  return view as View;
}
