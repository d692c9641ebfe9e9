// Converts the options that QEMU before 3.0 had for the user-mode network as a whole (-redir, -tftp, -bootp, -smb and
// -net channel) to settings of that network.
import { SwitchError } from '../protocol/errors.ts';
import type { UserWords } from './command-line.ts';
import { type Settings, setting } from './net-option.ts';

const REDIRECTION = /^(tcp|udp)?:(\d+):([^:]*):(\d+)$/;
const CHANNEL = /^(\d+):(.+)$/s;
/** The address of a channel in the guest's network, if that network is the default one. */
const CHANNEL_ADDRESS = '10.0.2.4';

/**
 * Returns the settings of a network with those of the options added. As in QEMU, a setting that the network already has
 * wins.
 */
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
