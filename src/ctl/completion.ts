// Completes console lines. Commands are read from the help of the console itself, so plugins' commands are completed
// too, as are those of consoles other than tsvde's. Arguments are completed from the command's syntax and from the
// existing ports, names and VLANs.
import type { ConsoleReply } from './reply-reader.ts';

export type Ask = (line: string) => Promise<ConsoleReply>;

interface CommandHelp {
  path: string;
  syntax: string;
}

/**
 * Returns the words that can complete the line's last word, and that last word. `words` are accepted in addition to the
 * console's commands.
 */
export async function complete(
  line: string,
  ask: Ask,
  words: readonly CommandHelp[] = [],
): Promise<[words: string[], beginning: string]> {
  const typed = line.trimStart().split(/[ \t]+/);
  const beginning = typed.at(-1)!;
  const found = await candidates(typed.slice(0, -1), beginning, ask, words);
  return [found.filter((word) => word.startsWith(beginning)), beginning];
}

/** Returns whether the user is to continue a completed word, such as `tap,ifname=`, without a space after it. */
export function isUnfinished(word: string): boolean {
  return /[=,]$/.test(word);
}

async function candidates(
  before: readonly string[],
  beginning: string,
  ask: Ask,
  words: readonly CommandHelp[],
): Promise<string[]> {
  const commands = [...words, ...parseHelp((await ask('help')).lines)];
  const [path, ...given] = before;
  const names = commands.map((command) => command.path);
  if (path === undefined) return names;
  if (path === 'json') return candidates(given, beginning, ask, []);
  const syntax = commands.find((command) => command.path === path)?.syntax;
  if (path === 'help') return given.length === 0 ? names : [];
  const placeholder = syntax?.replace(/[[\]]/g, '').split(' ')[given.length];
  return placeholder === undefined ? [] : valuesOf(path, placeholder, beginning, ask);
}

/** Parses the first two of help's three columns. A menu's own row, whose syntax column has `=` signs, is left out. */
export function parseHelp(lines: readonly string[]): CommandHelp[] {
  const rows = lines.slice(lines.findIndex((line) => line.startsWith('----')) + 1);
  return rows
    .map((row) => ({ path: row.split(/\s/, 1)[0]!, syntax: row.slice(19, 34).trim() }))
    .filter(({ path, syntax }) => path !== '' && !syntax.startsWith('==='));
}

async function valuesOf(path: string, placeholder: string, beginning: string, ask: Ask): Promise<string[]> {
  const menu = path.split('/', 1)[0];
  switch (placeholder) {
    case 'PORT':
      return portsOf(ask);
    case 'VLAN':
      return numbers(await ask('vlan/allprint'), /^VLAN (\d+)/);
    case 'N': {
      if (menu === 'vlan' || menu === 'fstp') return valuesOf(path, 'VLAN', beginning, ask);
      const isPort = menu === 'port' ? path !== 'port/setnumports' : menu !== 'hash' && menu !== 'iplog';
      return isPort ? portsOf(ask) : [];
    }
    case 'N|ID':
      return [...(await ask('port/attached')).lines.map((line) => line.split(' ', 1)[0]!), ...(await namesOf(ask))];
    case 'SPEC':
      return specsOf(beginning, ask);
    case 'KIND':
      return (await dataOf<{ kind: string }>(ask, 'port/kinds')).map(({ kind }) => kind);
    case '0/1':
    case '1/0':
      return ['0', '1'];
    case 'dbgpath':
      return firstWords(await ask('debug/list'));
    case 'name': {
      // If none is loaded, tsvde replies ENOENT with the plugins that can be loaded, which are not candidates here.
      const reply = await ask('plugin/list');
      return reply.errno === 0 ? firstWords(reply) : [];
    }
    default:
      return [];
  }
}

/** Returns the numbers of all ports and, if the console is tsvde's, their names. */
async function portsOf(ask: Ask): Promise<string[]> {
  return [...numbers(await ask('port/allprint'), /^Port (\d+)/), ...(await namesOf(ask))];
}

async function namesOf(ask: Ask): Promise<string[]> {
  return (await dataOf<{ name?: string }>(ask, 'port/allprint')).flatMap(({ name }) => name ?? []);
}

/** Completes a spec: its kind, the key after its last comma, or a value if the key has a list of values. */
async function specsOf(beginning: string, ask: Ask): Promise<string[]> {
  const [, kind, before = '', key, equals] = /^([^,]*)((?:,[^,]*)*?)(?:,([^,=]*)(=)?[^,]*)?$/.exec(beginning) ?? [];
  if (key === undefined) return (await dataOf<{ kind: string }>(ask, 'port/kinds')).map(({ kind }) => `${kind},`);
  const keys = await dataOf<{ key: string; value: string }>(ask, `port/kinds ${kind}`);
  if (!equals) return keys.map(({ key }) => `${kind}${before},${key}=`);
  const values = keys.find((one) => one.key === key)?.value ?? '';
  if (/^switchport$/.test(key)) return (await portsOf(ask)).map((port) => `${kind}${before},${key}=${port}`);
  // A description such as `on or off` lists the values themselves.
  return /^\S+( or \S+)+$/.test(values) ? values.split(' or ').map((word) => `${kind}${before},${key}=${word}`) : [];
}

/**
 * Returns the data of a command that shows a list, or an empty list if the console does not support JSON or the
 * command.
 */
async function dataOf<Item>(ask: Ask, command: string): Promise<Item[]> {
  const { errno, lines } = await ask(`json ${command}`);
  return errno === 0 && lines[0] !== undefined ? (JSON.parse(lines[0]) as { data: Item[] }).data : [];
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
