// The identity of a guest, from which its addresses are derived at each start: -name and -uuid, or else its first disk,
// or else all of its arguments. These are pure functions, except that file names are resolved.
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { splitAtCommas, splitPair } from '../protocol/comma-list.ts';

/**
 * Returns words that distinguish this guest from the user's other guests on this machine, as far as the guests' command
 * lines differ.
 */
export function guestIdentity(program: string, args: readonly string[]): string[] {
  const name = guestName(args);
  const uuid = lastValue(args, 'uuid')?.toLowerCase();
  if (name || uuid) return ['name', name ?? '', 'uuid', uuid ?? ''];
  const disk = firstDisk(args);
  return disk === undefined ? ['arguments', program, ...args] : ['disk', disk];
}

/** Returns the name in `-name web` or `-name guest=web,process=…`; undefined if there is none. */
export function guestName(args: readonly string[]): string | undefined {
  const value = lastValue(args, 'name');
  if (value === undefined) return undefined;
  const pairs = splitAtCommas(value).map(splitPair);
  const [first, implied] = pairs[0]!;
  const name = implied === undefined ? first : pairs.findLast(([key]) => key === 'guest')?.[1];
  return name === '' ? undefined : name;
}

function lastValue(args: readonly string[], option: string): string | undefined {
  const index = args.findLastIndex((word, i) => i + 1 < args.length && isOption(word, option));
  return index < 0 ? undefined : args[index + 1];
}

function isOption(word: string, option: string): boolean {
  return word === `-${option}` || word === `--${option}`;
}

function firstDisk(args: readonly string[]): string | undefined {
  for (const [index, word] of args.entries()) {
    const file = word.startsWith('-') ? diskOf(word, args[index + 1]) : positionalDisk(args, index);
    if (file !== undefined) return absolute(file);
  }
  return undefined;
}

function diskOf(word: string, value: string | undefined): string | undefined {
  const option = /^--?(hda|hdb|hdc|hdd|sd|mtdblock|drive|blockdev)$/.exec(word)?.[1];
  if (option === undefined || value === undefined) return undefined;
  if (option !== 'drive' && option !== 'blockdev') return value;
  const settings = new Map(value.startsWith('{') ? jsonSettings(value) : splitAtCommas(value).map(splitPair));
  if (isShared(settings)) return undefined;
  const file = settings.get('file.filename') ?? settings.get('filename');
  return file ?? (option === 'drive' ? settings.get('file') : undefined); // a -blockdev's `file` names another node
}

/** Returns the settings in a JSON object. A setting in a nested object is named like `file.filename`. */
function jsonSettings(text: string): [string, string][] {
  const settings = (object: object, prefix: string): [string, string][] =>
    Object.entries(object).flatMap(([key, value]) =>
      typeof value === 'object' && value !== null
        ? settings(value, `${prefix}${key}.`)
        : [[`${prefix}${key}`, String(value)]],
    );
  try {
    return settings(JSON.parse(text) as object, '');
  } catch {
    return []; // QEMU reports the error
  }
}

/** Returns whether other guests are likely to use the same file: firmware, the image of a CD, anything read-only. */
function isShared(settings: ReadonlyMap<string, string | undefined>): boolean {
  if (['pflash', 'floppy'].includes(settings.get('if') ?? '') || settings.get('media') === 'cdrom') return true;
  if (settings.get('node-name')?.includes('pflash')) return true;
  return ['readonly', 'read-only'].some((key) => ['on', 'yes', 'true', 'y'].includes(settings.get(key) ?? ''));
}

/**
 * Returns the word at `index` if it is a disk, and undefined otherwise. QEMU takes a word that belongs to no option as
 * a disk. A word that follows an option counts as the option's value here, even though the option may have none.
 */
function positionalDisk(args: readonly string[], index: number): string | undefined {
  const before = args[index - 1];
  const isValue = index > 0 && (before!.startsWith('-') || index === 1);
  return isValue ? undefined : args[index];
}

/** Returns a path with symbolic links resolved. Other names of disks, such as `nbd:host:1`, are returned unchanged. */
function absolute(file: string): string {
  if (/^[\w+-]+:/.test(file)) return file;
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}
