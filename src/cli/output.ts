// The output of tsvdectl's commands. At a terminal it has a width, colours and a pager for long replies.
import type { WriteStream } from 'node:tty';
import { styleText } from 'node:util';
import { overflows } from '../ctl/look.ts';
import { page } from '../ctl/pager.ts';
import type { Output } from '../ctl/perform.ts';
import type { Screen } from '../ctl/table.ts';
import { printable } from '../protocol/printable.ts';

/**
 * Returns the Output to which commands write, on `stdout`. If `pages`, a pager shows replies that are longer than the
 * terminal.
 */
export function outputTo(stdout: WriteStream | NodeJS.WriteStream, { pages }: { pages: boolean }): Output {
  const { isTTY = false } = stdout;
  const colours = isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
  const screen: Screen = {
    get width() {
      return isTTY ? stdout.columns || 80 : undefined;
    },
    paint: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
  };
  return {
    screen,
    get height() {
      return isTTY ? stdout.rows || 24 : undefined;
    },
    write: (text) => void stdout.write(text),
    show(lines, drawn = false) {
      const safe = isTTY && !drawn ? lines.map(printable) : lines;
      const text = safe.map((line) => `${line}\n`).join('');
      const { height } = this;
      if (!(pages && height !== undefined && overflows(safe, screen, height) && page(text))) stdout.write(text);
    },
  };
}
