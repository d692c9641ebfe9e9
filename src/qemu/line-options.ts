// Reads the options about memory, devices and accelerators of QEMU's command line, including those in the files of
// -readconfig.
import { parseConfigFile } from './config-file.ts';
import { parseSettings, type Settings } from './net-option.ts';
import type { Argument } from './wiring.ts';

export interface LineOption {
  /** The option's name without dashes; `machine` also for -M. */
  name: string;
  settings: Settings;
  /** The position of the value, or of an option without a value, among the words; undefined for an option in a file. */
  index?: number;
  /** The file of -readconfig that has the option. */
  file?: string;
}

/** The options that are read, and the key that is implied at the beginning of each value. */
const IMPLIED_KEYS: Readonly<Record<string, string>> = {
  m: 'size',
  machine: 'type',
  object: 'qom-type',
  numa: 'type',
  device: 'driver',
  accel: 'accel',
  chardev: 'backend',
};
const FLAGS = ['mem-prealloc', 'enable-kvm'];

/** Returns the options in order. Reads the files of -readconfig by `readFile`, whose errors are passed on. */
export function lineOptions(words: readonly Argument[], readFile: (path: string) => string): LineOption[] {
  const options: LineOption[] = [];
  for (let index = 0; index < words.length; index++) {
    const name = nameOf(words[index]!);
    if (name === undefined) continue;
    if (FLAGS.includes(name)) options.push({ name, settings: [], index });
    const value = words[index + 1];
    if (typeof value !== 'string') continue;
    const read = readOption(name, value, readFile);
    options.push(...read.map((option) => (option.file === undefined ? { ...option, index: index + 1 } : option)));
    if (read.length > 0) index++;
  }
  return options;
}

function nameOf(word: Argument): string | undefined {
  const name = typeof word === 'string' ? /^--?(.+)$/.exec(word)?.[1] : undefined;
  return name === 'M' ? 'machine' : name;
}

function readOption(name: string, value: string, readFile: (path: string) => string): LineOption[] {
  if (name === 'mem-path') return [{ name, settings: [['path', value]] }];
  if (name === 'readconfig')
    return parseConfigFile(readFile(value)).map(({ group, settings }) => ({
      name: group === 'memory' ? 'm' : group,
      settings,
      file: value,
    }));
  const key = IMPLIED_KEYS[name];
  return key === undefined ? [] : [{ name, settings: parseSettings(value, key) }];
}
