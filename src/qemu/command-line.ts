// Splits QEMU's command line into plain words and options about the network. The latter include options that QEMU has
// dropped: those of user-mode networks, and NICs written as -device or -usbdevice with vlan=.
import { type NetOption, parseNetOption, setting } from './net-option.ts';

export type NetworkOption = 'net' | 'nic' | 'netdev' | 'device' | 'usbdevice';

/** An option about the network, with its value, as it was written. */
export interface NetworkWords {
  option: NetworkOption;
  parsed: NetOption;
  words: readonly [option: string, value: string];
}

/** An option that applied to the user-mode network as a whole, which QEMU 3.0 dropped: `-redir tcp:5555::22`. */
export interface UserWords {
  option: 'redir' | 'tftp' | 'bootp' | 'smb' | 'channel';
  value: string;
}

export type Item = string | NetworkWords | UserWords;

const NETWORK_OPTIONS = /^--?(net|nic|netdev|device|usbdevice)$/;
const USER_OPTIONS = /^--?(redir|tftp|bootp|smb)$/;
const CHANNEL = /^channel,(.*)$/s;

/** The NIC drivers of today's QEMU and of all versions since 0.12. */
const NIC_DRIVERS =
  /^(e1000.*|igb|i825\w+|i82801|ne2k_(isa|pci)|pcnet|lance|rtl8139|tulip|usb-net|vmxnet3|xen-nic|spapr-vlan|virtio-net(-.+)?)$/;

function isNicDriver(driver: string): boolean {
  return NIC_DRIVERS.test(driver);
}

export function readItems(args: readonly string[]): Item[] {
  const items: Item[] = [];
  for (let i = 0; i < args.length; i++) {
    const value = args[i + 1];
    const item = value === undefined ? undefined : readOption(args[i]!, value);
    items.push(item ?? args[i]!);
    if (item !== undefined) i++;
  }
  return items;
}

function readOption(word: string, value: string): NetworkWords | UserWords | undefined {
  const userOption = USER_OPTIONS.exec(word)?.[1] as UserWords['option'] | undefined;
  if (userOption) return { option: userOption, value };
  const option = NETWORK_OPTIONS.exec(word)?.[1] as NetworkOption | undefined;
  if (!option) return undefined;
  const channel = option === 'net' ? CHANNEL.exec(value)?.[1] : undefined;
  if (channel !== undefined) return { option: 'channel', value: channel };
  const parsed = parse(option, value);
  return parsed && { option, parsed, words: [word, value] };
}

/** Parses an option. Returns undefined for devices that are not NICs, and for NICs in JSON, which never had a vlan. */
function parse(option: NetworkOption, value: string): NetOption | undefined {
  switch (option) {
    case 'usbdevice':
      return /^net(:|$)/.test(value) ? parseNetOption(value.replace(/^net:?/, 'usb-net,')) : undefined;
    case 'device': {
      const parsed = parseNetOption(value, 'driver');
      if (!parsed || setting(parsed.settings, 'vlan') !== undefined) return parsed;
      return isNicDriver(parsed.kind) && !value.startsWith('{') ? parsed : undefined;
    }
    default:
      return parseNetOption(value);
  }
}

export function isUserWords(item: Item): item is UserWords {
  return typeof item !== 'string' && 'value' in item;
}
