// The spanning tree menu. Trees are printed byte for byte as vde_switch prints them, so alternate and backup ports are
// shown with one role.
import { SwitchError } from '../../protocol/errors.ts';
import type { TreePortView, TreeView } from '../../switch/spanning-trees.ts';
import { type Menu, printing, showing } from '../command.ts';
import { pad } from '../format.ts';
import { parseFlag, parseNumber, parseOptionalNumber, parsePort, parseWords } from '../parse.ts';

/** The ID that is shown as the designated switch when there is none. */
const NO_SWITCH = 'ff:ff:ff:ff:ff:ff:ff:ff';
const ROLES: Record<TreePortView['role'], string> = {
  root: 'Root',
  designated: 'Designated',
  alternate: 'Alternate/Backup',
  backup: 'Alternate/Backup',
  edge: 'Edge',
};

export const fstpMenu: Menu = {
  name: 'fstp',
  title: 'FAST SPANNING TREE MENU',
  commands: [
    showing({
      path: 'fstp/showinfo',
      syntax: '',
      help: "show whether spanning tree is on, and this switch's MAC address and priority",
      level: 'look',
      show(_, { switch: sw }) {
        const { priority, enabled } = sw.spanningTrees;
        return { mac: sw.mac, priority, enabled };
      },
      format: ({ mac, priority, enabled }) => [
        `MAC ${mac} Priority ${priority} (0x${priority.toString(16)})`,
        `FSTP=${enabled}`,
      ],
    }),
    showing({
      path: 'fstp/setfstp',
      syntax: '0/1',
      help: '1: switch spanning tree on; 0: off',
      level: 'change',
      declares: true,
      show(argument, { switch: sw }) {
        const on = parseNumber(argument) !== 0;
        if (!sw.hub && on) sw.spanningTrees.switchOn();
        else if (!sw.hub) sw.spanningTrees.switchOff();
        return { enabled: sw.spanningTrees.enabled, hub: sw.hub };
      },
      format: ({ hub }) => (hub ? ["Can't use fstp in hub mode"] : []),
    }),
    {
      path: 'fstp/setedge',
      syntax: 'VLAN PORT 1/0',
      help: '1: make PORT an edge port in VLAN, with no switch behind it; 0: make it an ordinary port',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        const [vlanText, portText, flag] = parseWords(argument, 3);
        const [vlan, port, edge] = [parseNumber(vlanText), parsePort(portText, sw), parseFlag(flag)];
        sw.ports.check(port);
        sw.vlans.check(vlan);
        sw.spanningTrees.setEdge(vlan, port, edge);
      },
    },
    {
      path: 'fstp/bonus',
      syntax: 'VLAN PORT COST',
      help: 'reduce the cost of the path through PORT in VLAN by COST',
      level: 'change',
      declares: true,
      run(argument, { switch: sw }) {
        const [vlanText, portText, costText] = parseWords(argument, 3);
        const [vlan, port, cost] = [parseNumber(vlanText), parsePort(portText, sw), parseNumber(costText)];
        sw.ports.check(port);
        sw.vlans.check(vlan);
        sw.spanningTrees.setBonus(vlan, port, cost);
      },
    },
    printing({
      path: 'fstp/print',
      syntax: '[N]',
      help: 'show the spanning trees, or only that of VLAN N',
      level: 'look',
      *print(argument, { switch: sw }) {
        const only = parseOptionalNumber(argument);
        if (only !== undefined) sw.vlans.check(only);
        for (const vlan of only === undefined ? sw.vlans.list().map(({ number }) => number) : [only]) {
          const view = sw.spanningTrees.view(vlan);
          if (!view) throw new SwitchError('ENXIO', `VLAN ${vlan} has no spanning tree`);
          yield { enabled: sw.spanningTrees.enabled, ...view };
        }
      },
      format: describeTree,
    }),
  ],
};

function* describeTree(tree: TreeView & { enabled: boolean }): Iterable<string> {
  const { vlan, enabled, root, designated = NO_SWITCH, rootPort, cost, age, bonus, ports } = tree;
  yield `FST DATA VLAN ${pad(vlan)} ${rootPort === undefined ? 'ROOTSWITCH' : ''} ${enabled ? '' : 'FSTP IS DISABLED'}`;
  yield ` ++ root ${root}`;
  yield ` ++ designated ${designated}`;
  const bonusText = `bonusport ${pad(bonus.port)} bonuscost ${bonus.cost}`;
  yield ` ++ rootport ${pad(rootPort ?? 0)} cost ${cost} age ${age} ${bonusText}`;
  for (const { port, tagged, cost: portCost, role } of ports)
    yield ` -- Port ${pad(port)} tagged=${Number(tagged)} portcost=${portCost} role=${ROLES[role]}`;
}
