// The rewriting, pure: QEMU's arguments as people wrote them for vdeq, and what this QEMU knows, to the ports to join and
// the arguments as QEMU takes them today. A vlan of old joins its members: one NIC and one backend are wired to each
// other, any other number through a QEMU hub. What is not about the network stays as it is, and where it is.
import { parseNetOption } from './net-option.ts';
import { memberOf, type Network, networkArguments } from './network.ts';
import type { Target } from './target.ts';
import { type Argument, type Facts, Joins } from './wiring.ts';

export interface Plan {
  /** The switch ports to take, in the order of their descriptors. */
  joins: readonly Target[];
  /** QEMU's arguments, once there is a descriptor for each join. */
  arguments(descriptors: readonly number[]): string[];
  /** What a person should know. */
  notes: readonly string[];
}

/** `sockets` are those of -vdesock; with none, and no VDE network among the arguments, the default switch is joined. */
export function planQemu(args: readonly string[], sockets: readonly Target[], facts: Facts): Plan {
  const joins = new Joins(facts);
  const waiting = [...sockets];
  const networks = new Map<number, Network>();
  const output: (Argument | Network)[] = [];

  const network = (vlan: number): Network => {
    const found = networks.get(vlan);
    if (found) return found;
    const made: Network = { vlan, members: [] };
    networks.set(vlan, made);
    output.push(made);
    return made;
  };

  let anyVde = false;
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    const option = /^--?(net|nic|netdev)$/.exec(word)?.[1];
    const value = args[i + 1];
    if (option === undefined || value === undefined) {
      output.push(word);
      continue;
    }
    i++;
    const parsed = value.startsWith('{') ? undefined : parseNetOption(value);
    if (parsed?.kind === 'vde') anyVde = true;
    const member = option === 'net' && parsed ? memberOf(parsed, [word, value]) : undefined;
    if (member) {
      if (member.kind === 'vde') member.target ??= waiting.shift() ?? sockets.at(-1) ?? facts.defaultTarget;
      network(member.vlan).members.push(member);
    } else if (option !== 'net' && parsed?.kind === 'vde' && !facts.backends.has('vde')) {
      output.push(...joins.replaceModern(option as 'nic' | 'netdev', parsed));
    } else {
      output.push(word, value);
    }
  }

  const added = waiting.length > 0 || anyVde ? waiting : [facts.defaultTarget];
  added.forEach((target, vlan) => {
    network(vlan).members.push({ kind: 'vde', vlan, explicit: true, target, settings: new Map(), words: [] });
  });

  const argumentList = output.flatMap((item) => (isNetwork(item) ? networkArguments(item, joins) : [item]));
  return {
    joins: joins.targets,
    notes: joins.notes,
    arguments: (descriptors) => argumentList.map((item) => (typeof item === 'string' ? item : item(descriptors))),
  };
}

function isNetwork(item: Argument | Network): item is Network {
  return typeof item === 'object';
}
