// QEMU's network options, `nic,vlan=1,model=virtio`: a kind and its settings, in order. A comma within a value is doubled.
// -netdev may be JSON as well.
import { SwitchError } from '../protocol/errors.ts';

export interface NetOption {
  /** nic, vde, user, tap, socket … */
  kind: string;
  settings: Settings;
}

/** In order; a key may come again (`hostfwd=`), and all of them count. */
export type Settings = readonly (readonly [key: string, value: string])[];

/** Of a key that is single: as in QEMU, the last one. */
export function setting(settings: Settings, key: string): string | undefined {
  return settings.findLast(([name]) => name === key)?.[1];
}

export function withoutKeys(settings: Settings, ...keys: string[]): Settings {
  return settings.filter(([key]) => !keys.includes(key));
}

export function renameKeys(settings: Settings, names: Record<string, string>): Settings {
  return settings.map(([key, value]) => [names[key] ?? key, value]);
}

/** Undefined for JSON that is none: that QEMU shall complain of. */
export function parseNetOption(text: string): NetOption | undefined {
  if (text.startsWith('{')) return parseJson(text);
  const [kind = '', ...rest] = splitCommas(text);
  return { kind, settings: rest.map(parseSetting) };
}

function parseSetting(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  // QEMU's short boolean form: `restrict` is `restrict=on`.
  return equals < 0 ? [text, 'on'] : [text.slice(0, equals), text.slice(equals + 1)];
}

export function formatNetOption({ kind, settings }: NetOption): string {
  return [kind, ...settings.map(([key, value]) => `${key}=${value.replaceAll(',', ',,')}`)].join(',');
}

function parseJson(text: string): NetOption | undefined {
  try {
    const { type, ...rest } = JSON.parse(text) as Record<string, unknown>;
    const scalars = Object.entries(rest).filter(([, value]) => typeof value !== 'object');
    return { kind: String(type), settings: scalars.map(([key, value]) => [key, String(value)]) };
  } catch {
    return undefined;
  }
}

/** A number in C's spelling. Throws SwitchError EINVAL that names the setting. */
export function numberSetting({ settings }: NetOption, key: string): number | undefined {
  const text = setting(settings, key);
  if (text === undefined) return undefined;
  if (/^(0x[0-9a-f]+|[1-9]\d*|0)$/i.test(text)) return Number(text);
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  throw new SwitchError('EINVAL', `${key}=${text} is not a number`);
}

function splitCommas(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let i = 0; i < text.length; i++) {
    const doubled = text[i] === ',' && text[i + 1] === ',';
    if (text[i] === ',' && !doubled) {
      parts.push(part);
      part = '';
      continue;
    }
    part += text[i];
    if (doubled) i++;
  }
  return [...parts, part];
}
