// The lines of an extcap program, as Wireshark's documentation of extcap (extcap(4)) describes them. A line is a word
// and values in braces.
import type { PortData } from './console-data.ts';

/** A switch that Wireshark can capture from. */
export interface ExtcapInterface {
  /** The name of the interface in Wireshark. */
  value: string;
  /** The path of the switch's console. */
  path: string;
  /** The name of the switch. */
  name: string;
}

const DLT_EN10MB = 1;

/** Returns a line such as `interface {value=tsvde-lab}{display=the switch lab}`. */
function line(word: string, values: Readonly<Record<string, string | number>>): string {
  // Braces end a value, and there is no way to escape them.
  const pairs = Object.entries(values).map(([key, value]) => `{${key}=${String(value).replace(/[{}\p{Cc}]/gu, '_')}}`);
  return `${word} ${pairs.join('')}`;
}

/** Gives each console an interface name, with `-1`, `-2` and so on appended if switches have the same name. */
export function interfacesOf(consoles: readonly { path: string; name: string }[]): ExtcapInterface[] {
  const taken = new Set<string>();
  return consoles.map(({ path, name }) => {
    const base = `tsvde-${name.replace(/[^\w.-]/g, '_')}`;
    let value = base;
    for (let i = 1; taken.has(value); i++) value = `${base}-${i}`;
    taken.add(value);
    return { value, path, name };
  });
}

export function describeInterfaces(version: string, interfaces: readonly ExtcapInterface[]): string[] {
  return [
    line('extcap', { version, display: 'tsvde' }),
    ...interfaces.map(({ value, name }) => line('interface', { value, display: `the switch ${name}` })),
  ];
}

export function describeLinkTypes(): string[] {
  return [line('dlt', { number: DLT_EN10MB, name: 'EN10MB', display: 'Ethernet' })];
}

export function describeOptions(ports: readonly PortData[]): string[] {
  return [
    line('arg', {
      ...{ number: 0, call: '--port', display: 'Ports', type: 'multicheck' },
      tooltip: 'Only these ports; all ports if none is selected',
    }),
    line('arg', {
      ...{ number: 1, call: '--direction', display: 'Direction', type: 'selector' },
      tooltip: 'Frames that the switch receives from a port (rx), or that it sends to a port (tx)',
    }),
    line('arg', {
      number: 2,
      call: '--snaplen',
      display: 'Bytes of each frame',
      type: 'unsigned',
      tooltip: '0: all bytes',
      default: 0,
    }),
    line('arg', {
      ...{ number: 3, call: '--drops', display: 'Dropped frames', type: 'boolflag', default: 'false' },
      tooltip: 'Also frames that are dropped, with a comment that names the reason',
    }),
    ...ports.map(({ port, name, endpoints }) =>
      line('value', { arg: 0, value: port, display: `${port} ${name ?? endpoints[0]?.description ?? ''}`.trim() }),
    ),
    line('value', { arg: 1, value: 'both', display: 'both', default: 'true' }),
    line('value', { arg: 1, value: 'rx', display: 'rx' }),
    line('value', { arg: 1, value: 'tx', display: 'tx' }),
  ];
}
