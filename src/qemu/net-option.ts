// Parses and formats QEMU's network options, such as `nic,vlan=1,model=virtio`: a kind and its settings, in order.
// -netdev can also be given as JSON.
import { splitAtCommas, splitPair } from '../protocol/comma-list.ts';
import { SwitchError } from '../protocol/errors.ts';

export interface NetOption {
  /** The kind: nic, vde, user, tap, socket …, or the driver of a -device. */
  kind: string;
  settings: Settings;
}

/** Keys and values in order; a key may be repeated (`hostfwd=`). */
export type Settings = readonly (readonly [key: string, value: string])[];

/** Whether a value is one of QEMU's spellings of `on`. */
export function isOn(value: string | undefined): boolean {
  return ['on', 'yes', 'true', 'y'].includes(value ?? '');
}

/** Returns the value of a key. If the key is repeated the last one counts, as in QEMU. */
export function setting(settings: Settings, key: string): string | undefined {
  return settings.findLast(([name]) => name === key)?.[1];
}

export function withoutKeys(settings: Settings, ...keys: string[]): Settings {
  return settings.filter(([key]) => !keys.includes(key));
}

export function renameKeys(settings: Settings, names: Record<string, string>): Settings {
  return settings.map(([key, value]) => [names[key] ?? key, value]);
}

/**
 * Parses an option. The kind is the first word, or the value of `kindKey`. Returns undefined if a text that is not JSON
 * has no kind, or if JSON is invalid, since QEMU itself reports such errors.
 */
export function parseNetOption(text: string, kindKey = 'type'): NetOption | undefined {
  const all = parseSettings(text, kindKey);
  const kind = setting(all, kindKey);
  return kind ? { kind, settings: withoutKeys(all, kindKey) } : undefined;
}

/**
 * Parses the settings of an option. A first word without `=` is the value of `impliedKey`. Returns the scalars of a
 * JSON object, and no settings if JSON is invalid.
 */
export function parseSettings(text: string, impliedKey: string): Settings {
  if (text.startsWith('{')) return parseJson(text);
  const words = splitAtCommas(text);
  if (words.at(-1) === '') words.pop(); // QEMU ignores a trailing comma
  const [first = '', ...rest] = words;
  return [first.includes('=') ? parseSetting(first) : [impliedKey, first], ...rest.map(parseSetting)];
}

/** Parses a setting, including QEMU's short booleans: `restrict` is `restrict=on`, `norestrict` is `restrict=off`. */
function parseSetting(word: string): readonly [string, string] {
  const [key, value] = splitPair(word);
  if (value !== undefined) return [key, value];
  return key.startsWith('no') ? [key.slice(2), 'off'] : [key, 'on'];
}

export function formatNetOption({ kind, settings }: NetOption): string {
  return [kind, ...settings.map(([key, value]) => `${key}=${value.replaceAll(',', ',,')}`)].join(',');
}

function parseJson(text: string): Settings {
  try {
    const scalars = Object.entries(JSON.parse(text) as object).filter(([, value]) => typeof value !== 'object');
    return scalars.map(([key, value]) => [key, String(value)]);
  } catch {
    return [];
  }
}

/**
 * Returns the value of a setting as a number, which is in C's notation; undefined if the setting is absent. Throws a
 * SwitchError EINVAL that names the setting.
 */
export function numberSetting({ settings }: Pick<NetOption, 'settings'>, key: string): number | undefined {
  const text = setting(settings, key);
  if (text === undefined) return undefined;
  if (/^(0x[0-9a-f]+|[1-9]\d*|0)$/i.test(text)) return Number(text);
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  throw new SwitchError('EINVAL', `${key}=${text} is not a number`);
}
