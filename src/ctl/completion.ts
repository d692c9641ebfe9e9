// Completes console lines. Commands are read from the console's own help, which includes those of plugins and of
// consoles other than tsvde's. Arguments follow from a command's syntax and from the ports and VLANs that exist.
import type { ConsoleReply } from './reply-reader.ts';

export type Ask = (line: string) => Promise<ConsoleReply>;

interface CommandHelp {
  path: string;
  syntax: string;
}

/** Returns the words that can complete the line's last word, and that last word. */
export async function complete(line: string, ask: Ask): Promise<[words: string[], beginning: string]> {
  const words = line.trimStart().split(/[ \t]+/);
  const beginning = words.at(-1)!;
  const found = await candidates(words.slice(0, -1), ask);
  return [found.filter((word) => word.startsWith(beginning)), beginning];
}

async function candidates(before: readonly string[], ask: Ask): Promise<string[]> {
  const commands = parseHelp((await ask('help')).lines);
  const [path, ...given] = before;
  const names = commands.map((command) => command.path);
  if (path === undefined) return names;
  if (path === 'json') return candidates(given, ask);
  const syntax = commands.find((command) => command.path === path)?.syntax;
  if (path === 'help') return given.length === 0 ? names : [];
  const placeholder = syntax?.replace(/[[\]]/g, '').split(' ')[given.length];
  return placeholder === undefined ? [] : valuesOf(path, placeholder, ask);
}

/** Parses the first two of help's three columns. A menu's own row, whose syntax column has `=` signs, is left out. */
export function parseHelp(lines: readonly string[]): CommandHelp[] {
  const rows = lines.slice(lines.findIndex((line) => line.startsWith('----')) + 1);
  return rows
    .map((row) => ({ path: row.split(/\s/, 1)[0]!, syntax: row.slice(19, 34).trim() }))
    .filter(({ path, syntax }) => path !== '' && !syntax.startsWith('==='));
}

async function valuesOf(path: string, placeholder: string, ask: Ask): Promise<string[]> {
  const menu = path.split('/', 1)[0];
  switch (placeholder) {
    case 'PORT':
      return numbers(await ask('port/allprint'), /^Port (\d+)/);
    case 'VLAN':
      return numbers(await ask('vlan/allprint'), /^VLAN (\d+)/);
    case 'N':
      return valuesOf(path, menu === 'vlan' || menu === 'fstp' ? 'VLAN' : menu === 'hash' ? '' : 'PORT', ask);
    case 'N|ID':
      return (await ask('port/attached')).lines.map((line) => line.split(' ', 1)[0]!);
    case '0/1':
    case '1/0':
      return ['0', '1'];
    case 'dbgpath':
      return firstWords(await ask('debug/list'));
    case 'name': {
      const reply = await ask('plugin/list'); // with ENOENT, tsvde lists plugins that are not loaded
      return reply.errno === 0 ? firstWords(reply) : [];
    }
    default:
      return [];
  }
}

function numbers({ lines }: ConsoleReply, pattern: RegExp): string[] {
  return lines.flatMap((line) => {
    const number = pattern.exec(line)?.[1];
    return number === undefined ? [] : [String(Number(number))];
  });
}

/** Returns the first word of each row of a table that has two heading lines. */
function firstWords({ lines }: ConsoleReply): string[] {
  return lines.slice(2).map((line) => line.split(' ', 1)[0]!);
}
