// The options for the user-mode network as a whole that QEMU had before 3.0, as settings of the network: -redir, -tftp,
// -bootp, -smb and -net channel.
import { SwitchError } from '../protocol/errors.ts';
import type { UserWords } from './command-line.ts';
import { type Settings, setting } from './net-option.ts';

const REDIRECTION = /^(tcp|udp)?:(\d+):([^:]*):(\d+)$/;
const CHANNEL = /^(\d+):(.+)$/s;
/** Where the guest finds a channel if the network is the default one. */
const CHANNEL_ADDRESS = '10.0.2.4';

/** Adds what the options say. A setting that the network has itself wins, as in QEMU. */
export function withUserOptions(settings: Settings, options: readonly UserWords[]): Settings {
  const added = options.map(userSetting);
  const repeatable = (key: string) => key === 'hostfwd' || key === 'guestfwd';
  return [...settings, ...added.filter(([key]) => repeatable(key) || setting(settings, key) === undefined)];
}

function userSetting({ option, value }: UserWords): readonly [string, string] {
  switch (option) {
    case 'redir': {
      const [, protocol = 'tcp', hostPort, address, guestPort] = REDIRECTION.exec(value) ?? [];
      if (hostPort === undefined)
        throw new SwitchError('EINVAL', `-redir ${value} is invalid: write [tcp|udp]:HOSTPORT:[GUEST]:GUESTPORT`);
      return ['hostfwd', `${protocol}::${hostPort}-${address}:${guestPort}`];
    }
    case 'channel': {
      const [, port, device] = CHANNEL.exec(value) ?? [];
      if (port === undefined) throw new SwitchError('EINVAL', `-net channel,${value} is invalid: write PORT:DEVICE`);
      return ['guestfwd', `tcp:${CHANNEL_ADDRESS}:${port}-${device}`];
    }
    case 'bootp':
      return ['bootfile', value];
    default:
      return [option, value];
  }
}
