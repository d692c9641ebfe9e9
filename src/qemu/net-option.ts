// QEMU's network options, `nic,vlan=1,model=virtio`: a kind and its settings, in order. A comma within a value is doubled.
// -netdev may be JSON as well.
import { SwitchError } from '../protocol/errors.ts';

export interface NetOption {
  /** nic, vde, user, tap, socket … */
  kind: string;
  settings: Map<string, string>;
}

/** Undefined for JSON that is none: that QEMU shall complain of. */
export function parseNetOption(text: string): NetOption | undefined {
  if (text.startsWith('{')) return parseJson(text);
  const [kind = '', ...rest] = splitCommas(text);
  const settings = new Map<string, string>();
  for (const setting of rest) {
    const equals = setting.indexOf('=');
    // QEMU's short boolean form: `restrict` is `restrict=on`.
    if (equals < 0) settings.set(setting, 'on');
    else settings.set(setting.slice(0, equals), setting.slice(equals + 1));
  }
  return { kind, settings };
}

export function formatNetOption({ kind, settings }: NetOption): string {
  return [kind, ...[...settings].map(([key, value]) => `${key}=${value.replaceAll(',', ',,')}`)].join(',');
}

function parseJson(text: string): NetOption | undefined {
  try {
    const { type, ...rest } = JSON.parse(text) as Record<string, unknown>;
    const scalars = Object.entries(rest).filter(([, value]) => typeof value !== 'object');
    return { kind: String(type), settings: new Map(scalars.map(([key, value]) => [key, String(value)])) };
  } catch {
    return undefined;
  }
}

/** A number in C's spelling. Throws SwitchError EINVAL that names the setting. */
export function numberSetting({ settings }: NetOption, key: string): number | undefined {
  const text = settings.get(key);
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
