// QEMU's network option strings, `nic,vlan=1,model=virtio`: a kind and its settings, in order. A comma within a value is doubled.
import { SwitchError } from '../protocol/errors.ts';

export interface NetOption {
  /** nic, vde, user, tap, socket … */
  kind: string;
  settings: Map<string, string>;
}

export function parseNetOption(text: string): NetOption {
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
