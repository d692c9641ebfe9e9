// The port menu: ports, their permissions and their endpoints. vde_switch lacks the commands setname, kinds, guests,
// attach, detach and attached.

import { type KeyInfo, keysOf, kinds } from '../../backends/kinds.ts';
import { SwitchError } from '../../protocol/errors.ts';
import type { PortCounters } from '../../switch/counters.ts';
import type { EndpointInfo, PortInfo } from '../../switch/port-table.ts';
import type { Switch } from '../../switch/switch.ts';
import { groupName, userName } from '../../system/accounts.ts';
import { type Menu, printing, showing } from '../command.ts';
import { pad } from '../format.ts';
import { parseFlag, parseNumber, parseOptionalPort, parsePort, parseWords } from '../parse.ts';
import { printable } from '../reply.ts';

/** vde_switch's names for the kinds of port that both switches have. */
const MODULES: Readonly<Record<string, string>> = { vde: 'unix prog', tap: 'tuntap' };
const NOBODY = 'NONE';

export const portMenu: Menu = {
  name: 'port',
  title: 'PORT STATUS MENU',
  commands: [
    showing({
      path: 'port/showinfo',
      syntax: '',
      help: 'show the highest port number, and whether this is a hub',
      level: 'look',
      show: (_, { switch: { ports, hub } }) => ({ numPorts: ports.limit, hub, counters: true }),
      format: ({ numPorts, hub, counters }) => [`Numports=${numPorts}`, `HUB=${hub}`, `counters=${counters}`],
    }),
    {
      path: 'port/setnumports',
      syntax: 'N',
      help: 'set the highest port number',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        sw.ports.limit = parseNumber(argument);
      },
    },
    {
      path: 'port/sethub',
      syntax: '0/1',
      help: '1: be a hub, which sends every frame to every port; 0: be a switch',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        sw.hub = parseNumber(argument) !== 0;
      },
    },
    {
      path: 'port/setvlan',
      syntax: 'N VLAN',
      help: 'set the untagged VLAN of port N; 4095: none',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        const [port, vlan] = parseWords(argument, 2);
        sw.vlans.setUntagged(parseNumber(vlan), parsePort(port, sw));
      },
    },
    showing({
      path: 'port/createauto',
      syntax: '',
      help: 'create the lowest free port, reserved for clients that ask for it by number',
      level: 'change',
      show: (_, { switch: sw }) => ({ port: sw.ports.createAuto() }),
      format: ({ port }) => `Port ${pad(port)}`,
    }),
    {
      path: 'port/create',
      syntax: 'N',
      help: 'create port N, reserved for clients that ask for it by number',
      level: 'change',
      // Port 0 asks for any free port, so each replay would create another port.
      declares: (argument) => argument !== '0',
      run(argument, { switch: sw }) {
        const port = parseNumber(argument);
        if (port === 0) sw.ports.createAuto();
        else sw.ports.create(port);
      },
    },
    {
      path: 'port/remove',
      syntax: 'N',
      help: 'remove port N, which must have no endpoint',
      level: 'change',
      run(argument, { switch: sw }) {
        sw.ports.remove(parsePort(argument, sw));
      },
    },
    {
      path: 'port/allocatable',
      syntax: 'N 0/1',
      help: '1: port N may go to a client that asks for any port; 0: only to a client that asks for N',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        const [port, flag] = parseWords(argument, 2);
        sw.ports.setAllocatable(parsePort(port, sw), parseFlag(flag));
      },
    },
    {
      path: 'port/setuser',
      syntax: 'N user',
      help: 'reserve port N for a user: a name, a number or NONE',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        const [port, user = ''] = parseWords(argument, 2);
        sw.ports.setUser(parsePort(port, sw), user);
      },
    },
    {
      path: 'port/setgroup',
      syntax: 'N user',
      help: 'reserve port N for a group: a name, a number or NONE',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        const [port, group = ''] = parseWords(argument, 2);
        sw.ports.setGroup(parsePort(port, sw), group);
      },
    },
    showing({
      path: 'port/setname',
      syntax: 'N [NAME]',
      help: 'name port N, with -1, -2 appended if the name is taken; without NAME, remove the name',
      level: 'change',
      declares: true,
      show(argument, { switch: sw }) {
        const words = argument.split(/[ \t]+/);
        const [port, name] = parseWords(argument, words.length < 2 ? 1 : 2);
        const number = parsePort(port, sw);
        return { port: number, name: sw.ports.setName(number, name) };
      },
      format: ({ port, name }) => `Port ${pad(port)}${name === undefined ? '' : ` name=${name}`}`,
    }),
    {
      path: 'port/epclose',
      syntax: 'N ID',
      help: 'close endpoint ID of port N',
      level: 'change',
      run(argument, { switch: sw }) {
        const [port, endpoint] = parseWords(argument, 2);
        sw.ports.closeEndpoint(parsePort(port, sw), parseNumber(endpoint));
      },
    },
    {
      path: 'port/attach',
      syntax: 'SPEC',
      help: 'attach the port described by KIND,key=value,…, as --port does',
      level: 'full',
      async run(argument, { switch: sw, log }, { explained }) {
        await sw.attach(argument).catch((error: Error) => {
          if (!explained) log(`port/attach: ${error.message}`, 'warning'); // a text reply then has only the errno
          throw error;
        });
      },
    },
    printing<KindInfo | KeyInfo>({
      path: 'port/kinds',
      syntax: '[KIND]',
      help: 'show the kinds of port for port/attach, or the keys of KIND',
      level: 'look',
      *print(argument) {
        if (argument === '') for (const { name, help } of kinds) yield { kind: name, help };
        else yield* keysOf(argument);
      },
      format: (row) =>
        'kind' in row ? `${row.kind.padEnd(10)} ${row.help}` : `${`${row.key}=`.padEnd(18)} ${row.help} (${row.value})`,
    }),
    {
      path: 'port/detach',
      syntax: 'N|ID',
      help: 'detach attachment ID, or the attachment that owns port N, and disconnect its clients',
      level: 'full',
      async run(argument, { switch: sw }) {
        await sw.detach(/^\d/.test(argument) ? parseNumber(argument) : argument);
      },
    },
    printing({
      path: 'port/guests',
      syntax: '',
      help: 'show the memory and the accepted features of each guest by vhost-user',
      level: 'look',
      print: (_, { switch: sw }) => sw.guests(),
      format: ({ port, endpoint, memoryBytes, features }) =>
        `${pad(port)} endpoint=${pad(endpoint)} memory=${memoryBytes} features=${features}`,
    }),
    printing({
      path: 'port/attached',
      syntax: '',
      help: 'show the id, ports, addresses and spec of each attachment',
      level: 'look',
      *print(_, { switch: sw }) {
        for (const { id, kind, ports, addresses, spec } of sw.attachments()) yield { id, kind, ports, addresses, spec };
      },
      format: ({ id, ports, addresses, spec }) =>
        [
          `${id} ports=${ports.map((port) => pad(port)).join(',') || 'none'}`,
          ...(addresses.length === 0 ? [] : [`addresses=${printable(addresses.join(','))}`]),
          printable(spec),
        ].join(' '),
    }),
    {
      path: 'port/resetcounter',
      syntax: '[N]',
      help: 'reset the counters of all ports, or of port N',
      level: 'change',
      run(argument, { switch: sw }) {
        sw.resetCounters(parseOptionalPort(argument, sw));
      },
    },
    printing({
      path: 'port/print',
      syntax: '[N]',
      help: 'show the active ports, or port N, and their endpoints',
      level: 'look',
      print: (argument, { switch: sw }) => listPorts(sw, argument, (port) => port.active),
      format: describePort,
    }),
    printing({
      path: 'port/allprint',
      syntax: '[N]',
      help: 'show all ports, or port N, active or not, and their endpoints',
      level: 'look',
      print: (argument, { switch: sw }) => listPorts(sw, argument, () => true),
      format: describePort,
    }),
  ],
};

interface KindInfo {
  kind: string;
  help: string;
}

interface PortRow {
  port: number;
  name: string | undefined;
  untaggedVlan: number;
  active: boolean;
  allocatable: boolean;
  /** The names of accounts; undefined if no account is set. */
  currentUser: string | undefined;
  user: string | undefined;
  group: string | undefined;
  received: { frames: bigint; bytes: bigint };
  sent: { frames: bigint; bytes: bigint };
  endpoints: readonly EndpointInfo[];
}

function* listPorts(sw: Switch, argument: string, wanted: (port: PortInfo) => boolean): Iterable<PortRow> {
  const number = parseOptionalPort(argument, sw);
  if (number !== undefined) sw.ports.check(number);
  const ports = sw.ports.list().filter((port) => (number === undefined || port.number === number) && wanted(port));
  if (number !== undefined && ports.length === 0) throw new SwitchError('ENXIO', `there is no port ${number}`);
  const counters = new Map(sw.counters().map((row) => [row.port, row]));
  for (const port of ports) yield rowOf(port, counters.get(port.number)!);
}

function rowOf({ number, name, currentUser, user, group, ...port }: PortInfo, counters: PortCounters): PortRow {
  const { receiveUnicast, receiveMulticast, receiveBroadcast, receiveBytes } = counters;
  const { transmitUnicast, transmitMulticast, transmitBroadcast, transmitBytes } = counters;
  return {
    port: number,
    name,
    untaggedVlan: port.untaggedVlan,
    active: port.active,
    allocatable: port.allocatable,
    currentUser: currentUser === undefined ? undefined : userName(currentUser),
    user: user === undefined ? undefined : userName(user),
    group: group === undefined ? undefined : groupName(group),
    received: { frames: receiveUnicast + receiveMulticast + receiveBroadcast, bytes: receiveBytes },
    sent: { frames: transmitUnicast + transmitMulticast + transmitBroadcast, bytes: transmitBytes },
    endpoints: port.endpoints,
  };
}

function* describePort(row: PortRow): Iterable<string> {
  const { port, untaggedVlan, active, allocatable, currentUser = NOBODY, user = NOBODY, group = NOBODY } = row;
  const state = `${active ? 'ACTIVE' : 'INACTIVE'} - ${allocatable ? '' : 'NOT '}Unnamed Allocatable`;
  yield `Port ${pad(port)} untagged_vlan=${pad(untaggedVlan)} ${state}`;
  yield ` Current User: ${currentUser} Access Control: (User: ${user} - Group: ${group})`;
  yield ` IN:  ${describeTraffic(row.received)}`;
  yield ` OUT: ${describeTraffic(row.sent)}`;
  for (const endpoint of row.endpoints) yield describeEndpoint(endpoint);
}

function describeTraffic({ frames, bytes }: PortRow['sent']): string {
  return `pkts ${String(frames).padStart(10)}          bytes ${String(bytes).padStart(20)}`;
}

function describeEndpoint({ id, kind, description }: EndpointInfo): string {
  const module = MODULES[kind] ?? kind;
  return `  -- endpoint ID ${pad(id)} module ${module.padEnd(12)}: ${printable(description)}`;
}
