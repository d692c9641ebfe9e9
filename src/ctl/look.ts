// Shows a view once or repeatedly, as a table or as lines of JSON.
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { printableJson } from '../protocol/printable.ts';
import type { AskData } from './console-data.ts';
import { sampler } from './sampler.ts';
import type { Screen } from './table.ts';
import type { View } from './views/view.ts';

/** The seconds over which the first rates are measured. Later rates are measured since the previous table. */
const RATE_SECONDS = 1;

export interface LookOptions {
  argument: string;
  json: boolean;
  /** The number of seconds after which the view is shown again; undefined to show it once. */
  watch?: number | undefined;
  screen: Screen;
  write(text: string): void;
  /** Shows a table that is not repeated. By default the table is passed to `write`. */
  show?: ((lines: readonly string[]) => void) | undefined;
  /**
   * The number of lines of the terminal, on which each table replaces the previous one; undefined if the output is not
   * a terminal.
   */
  height?: number | undefined;
}

/** Shows a view. Throws ExitError if the console replies with an error or disconnects. */
export async function look(view: View, ask: AskData, options: LookOptions): Promise<void> {
  const { argument, json, watch, screen, write, height } = options;
  const { show = (lines) => write(asText(lines)) } = options;
  const next = sampler(view, ask, argument);
  let shown = await next();
  for (let round = 0; ; round++) {
    if (round > 0 || view.rates) {
      await sleep((round > 0 ? watch! : RATE_SECONDS) * 1000);
      shown = await next();
    }
    const { data, draw } = shown;
    if (json) write(`${printableJson({ code: 1000, errno: null, message: 'Success', data })}\n`);
    else if (watch === undefined) show(draw(screen));
    else if (height === undefined) write(`${round > 0 ? '\n' : ''}${asText(draw(screen))}`);
    else write(asScreen(draw(screen), height, round === 0));
    if (watch === undefined) return;
  }
}

function asText(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** Returns the text that draws a table over the previous one and erases the rest of the previous table. */
function asScreen(lines: readonly string[], height: number, first: boolean): string {
  const room = height - 1;
  const more = lines.length > room ? `… ${lines.length - room + 1} more lines` : undefined;
  const shown = more === undefined ? lines : [...lines.slice(0, room - 1), more];
  return `${first ? '\x1b[2J' : ''}\x1b[H${shown.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`;
}

/** Returns whether the lines, with the cursor's row below them, need more rows than the terminal has. */
export function overflows(lines: readonly string[], { width = 80 }: Screen, height: number): boolean {
  const rows = lines.map((line) => Math.max(1, Math.ceil(stripVTControlCharacters(line).length / width)));
  return rows.reduce((sum, count) => sum + count, 0) >= height;
}
