// Parses a file of QEMU's -readconfig: sections such as `[object "ram"]`, each with settings such as `size = "1G"`.
import type { Settings } from './net-option.ts';

export interface ConfigSection {
  group: string;
  settings: Settings;
}

const SECTION = /^\s*\[\s*([^\s\]"]+)\s*(?:"([^"]*)")?\s*\]/;
const SETTING = /^\s*(\S+) = "([^"]*)"/;

/** Returns the sections in order. A section's ID is its setting `id`. QEMU itself reports lines that are not valid. */
export function parseConfigFile(text: string): ConfigSection[] {
  const sections: { group: string; settings: [string, string][] }[] = [];
  for (const line of text.split('\n')) {
    const [, group, id] = SECTION.exec(line) ?? [];
    if (group !== undefined) sections.push({ group, settings: id === undefined ? [] : [['id', id]] });
    const [, key, value] = SETTING.exec(line) ?? [];
    if (key !== undefined) sections.at(-1)?.settings.push([key, value!]);
  }
  return sections;
}
