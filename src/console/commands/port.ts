// The port menu: which ports there are, who may take them, who has them.
import { groupName, userName } from '../../accounts.ts';
import type { PortCounters } from '../../counters.ts';
import type { EndpointInfo, PortInfo } from '../../ports.ts';
import { SwitchError } from '../../protocol/errors.ts';
import type { Switch } from '../../switch.ts';
import type { Menu } from '../command.ts';
import { pad } from '../format.ts';
import { parseFlag, parseNumber, parseOptionalNumber, parseWords } from '../parse.ts';
import { printable } from '../reply.ts';

/** vde_switch's words for what it has too. */
const MODULES: Readonly<Record<string, string>> = { vde: 'unix prog', tap: 'tuntap' };

export const portMenu: Menu = {
  name: 'port',
  title: 'PORT STATUS MENU',
  commands: [
    {
      path: 'port/showinfo',
      syntax: '',
      help: 'how many ports there may be, and how frames are forwarded',
      *print(_, { switch: sw }) {
        yield `Numports=${sw.numPorts}`;
        yield `HUB=${sw.hub}`;
        yield 'counters=true';
      },
    },
    {
      path: 'port/setnumports',
      syntax: 'N',
      help: 'set the highest port number',
      declares: true,
      run(argument, { switch: sw }) {
        sw.numPorts = parseNumber(argument);
      },
    },
    {
      path: 'port/sethub',
      syntax: '0/1',
      help: '1: a hub, every frame to every port; 0: a switch',
      declares: true,
      run(argument, { switch: sw }) {
        sw.hub = parseNumber(argument) !== 0;
      },
    },
    {
      path: 'port/setvlan',
      syntax: 'N VLAN',
      help: 'VLAN is the untagged VLAN of port N; 4095 for none',
      declares: true,
      run(argument, { switch: sw }) {
        const [port, vlan] = parseWords(argument, 2);
        sw.vlans.setUntagged(parseNumber(port), parseNumber(vlan));
      },
    },
    {
      path: 'port/createauto',
      syntax: '',
      help: 'create the lowest free port, for clients that ask for its number',
      *print(_, { switch: sw }) {
        yield `Port ${pad(sw.createPortAuto())}`;
      },
    },
    {
      path: 'port/create',
      syntax: 'N',
      help: 'create port N, for clients that ask for its number',
      declares: true,
      run(argument, { switch: sw }) {
        const port = parseNumber(argument);
        if (port === 0) sw.createPortAuto();
        else sw.createPort(port);
      },
    },
    {
      path: 'port/remove',
      syntax: 'N',
      help: 'remove port N, which must have no endpoint',
      run(argument, { switch: sw }) {
        sw.removePort(parseNumber(argument));
      },
    },
    {
      path: 'port/allocatable',
      syntax: 'N 0/1',
      help: '1: a client that asks for any port may be given port N',
      declares: true,
      run(argument, { switch: sw }) {
        const [port, flag] = parseWords(argument, 2);
        sw.setAllocatable(parseNumber(port), parseFlag(flag));
      },
    },
    {
      path: 'port/setuser',
      syntax: 'N user',
      help: 'reserve port N for a user (a name, a number or NONE)',
      declares: true,
      run(argument, { switch: sw }) {
        const [port, user = ''] = parseWords(argument, 2);
        sw.setUser(parseNumber(port), user);
      },
    },
    {
      path: 'port/setgroup',
      syntax: 'N user',
      help: 'reserve port N for a group (a name, a number or NONE)',
      declares: true,
      run(argument, { switch: sw }) {
        const [port, group = ''] = parseWords(argument, 2);
        sw.setGroup(parseNumber(port), group);
      },
    },
    {
      path: 'port/epclose',
      syntax: 'N ID',
      help: 'close endpoint ID of port N',
      run(argument, { switch: sw }) {
        const [port, endpoint] = parseWords(argument, 2);
        sw.closeEndpoint(parseNumber(port), parseNumber(endpoint));
      },
    },
    {
      path: 'port/attach',
      syntax: 'SPEC',
      help: 'attach KIND,key=value,… as by --port',
      async run(argument, { switch: sw, log }) {
        await sw.attachPort(argument).catch((error: Error) => {
          log(`port/attach: ${error.message}`, 'warning'); // a reply has no room for the sentence
          throw error;
        });
      },
    },
    {
      path: 'port/detach',
      syntax: 'N|ID',
      help: 'detach what was attached to port N, or by that id, with all its clients',
      async run(argument, { switch: sw }) {
        await sw.detachPort(/^\d/.test(argument) ? parseNumber(argument) : argument);
      },
    },
    {
      path: 'port/attached',
      syntax: '',
      help: 'show what is attached by a spec: its id, its ports, the spec',
      *print(_, { switch: sw }) {
        for (const { id, ports, spec } of sw.attachedPorts())
          yield `${id} ports=${ports.map((port) => pad(port)).join(',') || 'none'} ${printable(spec)}`;
      },
    },
    {
      path: 'port/resetcounter',
      syntax: '[N]',
      help: 'set the counters of port N, or of all, to zero',
      run(argument, { switch: sw }) {
        sw.resetCounters(parseOptionalNumber(argument));
      },
    },
    {
      path: 'port/print',
      syntax: '[N]',
      help: 'show the active ports, or port N, and their endpoints',
      *print(argument, { switch: sw }) {
        yield* printPorts(sw, argument, (port) => port.active);
      },
    },
    {
      path: 'port/allprint',
      syntax: '[N]',
      help: 'likewise with the ports that have no endpoint',
      *print(argument, { switch: sw }) {
        yield* printPorts(sw, argument, () => true);
      },
    },
  ],
};

function* printPorts(sw: Switch, argument: string, wanted: (port: PortInfo) => boolean): Iterable<string> {
  const number = parseOptionalNumber(argument);
  if (number !== undefined) sw.checkPort(number);
  const ports = sw.ports().filter((port) => (number === undefined || port.number === number) && wanted(port));
  if (number !== undefined && ports.length === 0) throw new SwitchError('ENXIO', `there is no such port ${number}`);
  const counters = new Map(sw.counters().map((row) => [row.port, row]));
  for (const port of ports) yield* describePort(port, counters.get(port.number)!);
}

function* describePort(port: PortInfo, counters: PortCounters): Iterable<string> {
  const active = port.active ? 'ACTIVE' : 'INACTIVE';
  const not = port.allocatable ? '' : 'NOT ';
  yield `Port ${pad(port.number)} untagged_vlan=${pad(port.untaggedVlan)} ${active} - ${not}Unnamed Allocatable`;
  const access = `(User: ${userName(port.user)} - Group: ${groupName(port.group)})`;
  yield ` Current User: ${userName(port.currentUser)} Access Control: ${access}`;
  const { receiveUnicast, receiveMulticast, receiveBroadcast, transmitUnicast, transmitMulticast, transmitBroadcast } =
    counters;
  yield ` IN:  ${describeTraffic(receiveUnicast + receiveMulticast + receiveBroadcast, counters.receiveBytes)}`;
  yield ` OUT: ${describeTraffic(transmitUnicast + transmitMulticast + transmitBroadcast, counters.transmitBytes)}`;
  for (const endpoint of port.endpoints) yield describeEndpoint(endpoint);
}

function describeTraffic(frames: bigint, bytes: bigint): string {
  return `pkts ${String(frames).padStart(10)}          bytes ${String(bytes).padStart(20)}`;
}

function describeEndpoint({ id, backend, description }: EndpointInfo): string {
  const module = MODULES[backend] ?? backend;
  return `  -- endpoint ID ${pad(id)} module ${module.padEnd(12)}: ${printable(description)}`;
}
