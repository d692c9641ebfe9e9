// The VLAN menu: VLANs and their ports. The untagged VLAN of a port is set by port/setvlan.
import type { PortState } from '../../fstp/effect.ts';
import type { Switch } from '../../switch/switch.ts';
import type { VlanMember } from '../../switch/vlans.ts';
import { type Menu, printing } from '../command.ts';
import { pad } from '../format.ts';
import { parseNumber, parseOptionalNumber, parsePort, parseWords } from '../parse.ts';

export const vlanMenu: Menu = {
  name: 'vlan',
  title: 'VLAN MANAGEMENT MENU',
  commands: [
    {
      path: 'vlan/create',
      syntax: 'N',
      help: 'create VLAN N, 1 to 4094',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        sw.vlans.create(parseNumber(argument));
      },
    },
    {
      path: 'vlan/remove',
      syntax: 'N',
      help: 'remove VLAN N, which must have no port',
      level: 'change',
      run(argument, { switch: sw }) {
        sw.vlans.remove(parseNumber(argument));
      },
    },
    {
      path: 'vlan/addport',
      syntax: 'N PORT',
      help: 'make PORT a tagged member of VLAN N',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        const [vlan, port] = parseWords(argument, 2);
        sw.vlans.addPort(parseNumber(vlan), parsePort(port, sw));
      },
    },
    {
      path: 'vlan/delport',
      syntax: 'N PORT',
      help: 'remove PORT from the tagged members of VLAN N',
      level: 'change',
      run(argument, { switch: sw }) {
        const [vlan, port] = parseWords(argument, 2);
        sw.vlans.removePort(parseNumber(vlan), parsePort(port, sw));
      },
    },
    printing({
      path: 'vlan/print',
      syntax: '[N]',
      help: 'show all VLANs, or VLAN N, and their active ports',
      level: 'look',
      print: (argument, { switch: sw }) => listVlans(sw, argument, ({ active }) => active),
      format: describeVlan,
    }),
    printing({
      path: 'vlan/allprint',
      syntax: '[N]',
      help: 'show all VLANs, or VLAN N, and their ports, active or not',
      level: 'look',
      print: (argument, { switch: sw }) => listVlans(sw, argument, () => true),
      format: describeVlan,
    }),
  ],
};

interface Member extends VlanMember {
  state: PortState;
}

interface VlanRow {
  vlan: number;
  ports: readonly Member[];
}

function* listVlans(sw: Switch, argument: string, wanted: (member: VlanMember) => boolean): Iterable<VlanRow> {
  const only = parseOptionalNumber(argument);
  if (only !== undefined) sw.vlans.check(only);
  for (const vlan of only === undefined ? sw.vlans.list().map(({ number }) => number) : [only]) {
    const members = sw.vlans.members(vlan).filter(wanted);
    const stateOf = ({ port }: VlanMember) => sw.spanningTrees.stateOf(vlan, port);
    yield { vlan, ports: members.map((member) => ({ ...member, state: stateOf(member) })) };
  }
}

function* describeVlan({ vlan, ports }: VlanRow): Iterable<string> {
  yield `VLAN ${pad(vlan)}`;
  for (const member of ports) yield describeMember(member);
}

/** Returns the line for a member. The state of an inactive port is printed as "Learning", as in vde_switch. */
function describeMember({ port, tagged, active, state }: Member): string {
  const status = !active ? 'Learning' : state === 'forwarding' ? 'Forwarding' : 'Discarding';
  return ` -- Port ${pad(port)} tagged=${Number(tagged)} active=${Number(active)} status=${status}`;
}
