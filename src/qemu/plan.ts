// The rewriting, pure: QEMU's arguments as people wrote them for vdeq, and what this QEMU knows, to the ports to join and
// the arguments as QEMU takes them today. What is not about the network stays as it is, and where it is.

import type { Target } from '../plug/target.ts';
import { type Member, memberOf, newMember, vdeTarget } from './member.ts';
import { type NetOption, parseNetOption } from './net-option.ts';
import { type Network, networkArguments } from './network.ts';
import type { BackendWishes } from './vde-backend.ts';
import { type Argument, type Facts, Wiring } from './wiring.ts';

export interface Plan {
  /** The switch ports to take, in the order of their descriptors. */
  joins: readonly Target[];
  /** Sockets that QEMU opens itself, and that somebody must listen on. */
  opened: readonly string[];
  /** QEMU's arguments, once there is a descriptor for each join. */
  arguments(descriptors: readonly number[]): string[];
  /** What a person should know. */
  notes: readonly string[];
}

interface NetworkWords {
  option: 'net' | 'nic' | 'netdev';
  parsed: NetOption;
  words: [string, string];
}

export interface Wishes {
  /** -vdesock's; with none, and no VDE network among the arguments, the default switch is joined. */
  sockets: readonly Target[];
  /** Default dgram. */
  via?: BackendWishes['via'] | undefined;
  mode?: BackendWishes['mode'];
}

export function planQemu(args: readonly string[], { sockets, via = 'dgram', mode }: Wishes, facts: Facts): Plan {
  const items = readItems(args);
  const given = items.flatMap((item) => (typeof item === 'string' ? [] : item.parsed));
  const wiring = new Wiring(facts, { via, mode }, given);
  const vlans = new Vlans();
  const waiting = sockets
    .map((target, vlan) => newMember('vde', vlan, { target }))
    .filter(({ target }) => !items.some((item) => typeof item !== 'string' && names(item, target!)));
  const aimed = (member: Member): Member => {
    if (member.kind !== 'vde' || member.target) return member;
    return { ...member, target: waiting.shift()?.target ?? sockets.at(-1) ?? facts.defaultTarget };
  };
  const place = ({ option, parsed, words }: NetworkWords): (Argument | Network)[] => {
    const member = option === 'net' ? memberOf(parsed, words) : undefined;
    if (member) return vlans.add(aimed(member));
    if (option === 'net' || parsed.kind !== 'vde' || facts.backends.has('vde')) return words;
    return wiring.replaceModern(option, parsed);
  };

  const output = items.flatMap((item) => (typeof item === 'string' ? item : place(item)));
  const anyVde = given.some(({ kind }) => kind === 'vde');
  const added = sockets.length > 0 || anyVde ? waiting : [newMember('vde', 0, { target: facts.defaultTarget })];
  output.push(...added.flatMap((member) => vlans.add(member)));

  const argumentList = output.flatMap((item) => (Array.isArray(item) ? networkArguments(item, wiring) : item));
  return {
    joins: wiring.targets,
    opened: wiring.opened,
    notes: wiring.notes,
    arguments: (descriptors) => argumentList.map((item) => (typeof item === 'string' ? item : item(descriptors))),
  };
}

/** Does that `-net vde` join the target already? Both on one vlan would be a loop. */
function names({ option, parsed }: NetworkWords, { directory, port }: Target): boolean {
  const named = option === 'net' && parsed.kind === 'vde' ? vdeTarget(parsed) : undefined;
  return named?.directory === directory && (port === undefined || port === named.port);
}

class Vlans {
  readonly #networks = new Map<number, Network>();

  /** Gives the network at its first member: that is its place among the arguments. */
  add(member: Member): [Network] | [] {
    const network = this.#networks.get(member.vlan);
    if (network) {
      network.push(member);
      return [];
    }
    const made = [member];
    this.#networks.set(member.vlan, made);
    return [made];
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
