// The rewriting, as a pure function: turns QEMU's arguments, written as for vdeq, into today's, and lists the switch
// ports to take. Arguments that are not about the network stay as and where they are.
import type { Target } from '../plug/target.ts';
import { type Member, memberOf, newMember, vdeTarget } from './member.ts';
import { type NetOption, parseNetOption } from './net-option.ts';
import { type Network, networkArguments } from './network.ts';
import type { BackendOptions } from './vde-backend.ts';
import { type Argument, type Facts, Wiring } from './wiring.ts';

export interface Plan {
  /** The switch ports to take, in the order of their descriptors. */
  joins: readonly Target[];
  /** Sockets that QEMU opens itself; somebody must listen on each. */
  opened: readonly string[];
  /** Returns QEMU's arguments, given a descriptor for each of `joins`. */
  arguments(descriptors: readonly number[]): string[];
  /** Messages for the user. */
  notes: readonly string[];
}

interface NetworkWords {
  option: 'net' | 'nic' | 'netdev';
  parsed: NetOption;
  words: [string, string];
}

export interface PlanOptions {
  /** From -vdesock. If it is empty and no argument is a VDE network, QEMU joins the default switch. */
  sockets: readonly Target[];
  /** How a VDE network reaches QEMU; default dgram. */
  via?: BackendOptions['via'] | undefined;
  mode?: BackendOptions['mode'];
}

export function planQemu(args: readonly string[], { sockets, via = 'dgram', mode }: PlanOptions, facts: Facts): Plan {
  const items = readItems(args);
  const given = items.flatMap((item) => (typeof item === 'string' ? [] : item.parsed));
  const wiring = new Wiring(facts, { via, mode }, given);
  const vlans = new Vlans();
  const unassigned = sockets
    .map((target, vlan) => newMember('vde', vlan, { target }))
    .filter(({ target }) => !items.some((item) => typeof item !== 'string' && alreadyJoins(item, target!)));
  const withTarget = (member: Member): Member => {
    if (member.kind !== 'vde' || member.target) return member;
    return { ...member, target: unassigned.shift()?.target ?? sockets.at(-1) ?? facts.defaultTarget };
  };
  const rewrite = ({ option, parsed, words }: NetworkWords): (Argument | Network)[] => {
    const member = option === 'net' ? memberOf(parsed, words) : undefined;
    if (member) return vlans.add(withTarget(member));
    if (option === 'net' || parsed.kind !== 'vde' || facts.backends.has('vde')) return words;
    return wiring.replaceModern(option, parsed);
  };

  const output = items.flatMap((item) => (typeof item === 'string' ? item : rewrite(item)));
  const anyVde = given.some(({ kind }) => kind === 'vde');
  const added = sockets.length > 0 || anyVde ? unassigned : [newMember('vde', 0, { target: facts.defaultTarget })];
  output.push(...added.flatMap((member) => vlans.add(member)));

  const argumentList = output.flatMap((item) => (Array.isArray(item) ? networkArguments(item, wiring) : item));
  return {
    joins: wiring.targets,
    opened: wiring.opened,
    notes: wiring.notes,
    arguments: (descriptors) => argumentList.map((item) => (typeof item === 'string' ? item : item(descriptors))),
  };
}

/** Whether this `-net vde` already joins the target: joining it twice on one vlan would make a loop. */
function alreadyJoins({ option, parsed }: NetworkWords, { directory, port }: Target): boolean {
  const named = option === 'net' && parsed.kind === 'vde' ? vdeTarget(parsed) : undefined;
  return named?.directory === directory && (port === undefined || port === named.port);
}

class Vlans {
  readonly #networks = new Map<number, Network>();

  /** Returns the network if the member is its first, at whose position the network goes among the arguments. */
  add(member: Member): [Network] | [] {
    const network = this.#networks.get(member.vlan);
    if (network) {
      network.push(member);
      return [];
    }
    const added = [member];
    this.#networks.set(member.vlan, added);
    return [added];
  }
}

function readItems(args: readonly string[]): (string | NetworkWords)[] {
  const items: (string | NetworkWords)[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    const option = /^--?(net|nic|netdev)$/.exec(word)?.[1] as NetworkWords['option'] | undefined;
    const value = args[i + 1];
    const parsed = option && value !== undefined ? parseNetOption(value) : undefined;
    if (option && parsed) {
      items.push({ option, parsed, words: [word, value!] });
      i++;
    } else {
      items.push(word);
    }
  }
  return items;
}
