// Rewrites QEMU's arguments, as written for vdeq, for today's QEMU, and lists the switch ports to take. planQemu()
// acts on the outside world only through functions in the facts and options. Arguments that are not about the network
// keep their text and their position.
import type { Target } from '../plug/target.ts';
import { SwitchError } from '../protocol/errors.ts';
import { mayEmulate } from './accelerators.ts';
import { isUserWords, type NetworkWords, readItems, type UserWords } from './command-line.ts';
import { lineOptions } from './line-options.ts';
import { checkVdeSettings, type Member, memberOf, newMember, refuseSetting, vdeTarget } from './member.ts';
import { formatNetOption, renameKeys, setting, withoutKeys } from './net-option.ts';
import { type Network, networkArguments } from './network.ts';
import { withSharedMemory } from './shared-memory.ts';
import { withUserOptions } from './user-options.ts';
import type { BackendOptions, Via } from './vde-backend.ts';
import { type Argument, type Facts, Wiring, type WiringOptions } from './wiring.ts';

export interface Plan {
  /** The switch ports to take, in the order of their descriptors. */
  joins: readonly Target[];
  /** Sockets that QEMU opens itself; something must already listen on each. */
  opened: readonly string[];
  /** Returns QEMU's arguments, given a descriptor for each of `joins`. */
  arguments(descriptors: readonly number[]): string[];
  /** Messages for the user. */
  notes: readonly string[];
  /** A sentence that says whether QEMU joins a switch, and why. */
  decision: string;
  /** Whether the user asked for the switch, by -vdesock or by a VDE network on the command line. */
  asked: boolean;
}

export interface PlanOptions {
  /**
   * The switches given by -vdesock. Without any, QEMU joins the default switch if no argument names another network.
   */
  sockets: readonly Target[];
  /** How VDE networks are connected to QEMU; default dgram. `auto` is vhost-user if that is possible, or else dgram. */
  via?: Via | undefined;
  mode?: BackendOptions['mode'];
  /** Necessary only for vhost-user; by default, no socket is known. */
  vhostSocket?: BackendOptions['vhostSocket'] | undefined;
  /**
   * Called with a message for a setting that `-net vde` does not have, which is then ignored. Default: throws EINVAL.
   */
  tolerate?: ((message: string) => void) | undefined;
}

/** Throws SwitchError if the arguments are invalid or not possible with these options and facts. */
export function planQemu(args: readonly string[], { via = 'dgram', ...options }: PlanOptions, facts: Facts): Plan {
  if (via !== 'auto') return planVia(args, { ...options, via, chooseModel: true }, facts);
  const macs: string[] = [];
  const newMac = (nic: number) => {
    macs[nic] ??= facts.newMac(nic); // the first plan may fail after it has asked for an address
    return macs[nic];
  };
  try {
    return planVia(args, { ...options, via: 'vhost-user', chooseModel: false }, { ...facts, newMac });
  } catch (error) {
    if (!(error instanceof SwitchError)) throw error;
    const plan = planVia(args, { ...options, via: 'dgram', chooseModel: false }, { ...facts, newMac });
    return plan.joins.length === 0
      ? plan
      : { ...plan, decision: `${plan.decision}; not by vhost-user: ${error.message}` };
  }
}

interface ViaOptions extends PlanOptions {
  via: BackendOptions['via'];
  /** Whether vhost-user turns a NIC without a model into a virtio-net device. */
  chooseModel: boolean;
}

function planVia(args: readonly string[], options: ViaOptions, facts: Facts): Plan {
  const { sockets, tolerate = refuseSetting } = options;
  const { items, notes } = completed(args);
  const networkItems = items.filter((item) => typeof item !== 'string');
  const given = networkItems.filter(({ option }) => !/device$/.test(option)).map(({ parsed }) => parsed);
  const anyVde = given.some(({ kind }) => kind === 'vde');
  const asked = sockets.length > 0 || anyVde;
  for (const mac of givenMacs(networkItems)) facts.useMac?.(mac);

  const wiring = new Wiring(facts, wiringOptions(args, options, facts), given);
  const vlans = new Vlans();
  const unassigned = sockets
    .map((target, vlan) => newMember('vde', vlan, { target }))
    .filter(({ target }) => !networkItems.some((item) => alreadyJoins(item, target!)));
  const withTarget = (member: Member): Member => {
    if (member.kind !== 'vde') return member;
    checkVdeSettings(member.settings, tolerate);
    const target = vdeTarget(member) ?? unassigned.shift()?.target ?? sockets.at(-1) ?? facts.defaultTarget;
    return { ...member, target };
  };
  // In old QEMU a -device without vlan= belonged to no vlan. If the command line has no -net and no -nic, treat it as
  // the guest's NIC anyway.
  const devicesAreNics = !networkItems.some(({ option }) => option === 'net' || option === 'nic');
  const rewrite = (item: NetworkWords): (Argument | Network)[] => {
    const { option, parsed, words } = item;
    if (option === 'nic' || option === 'netdev')
      return parsed.kind === 'vde' && !facts.backends.has('vde') ? wiring.replaceModern(option, parsed) : [...words];
    if (option === 'device' && setting(parsed.settings, 'vlan') === undefined && !devicesAreNics) return [...words];
    const member = memberOf(item);
    return member ? vlans.add(withTarget(member)) : withoutVlan(item);
  };

  const output = items.flatMap((item) => (typeof item === 'string' ? item : rewrite(item)));
  const byDefault = !asked && vlans.haveNicsAlone() && !networkItems.some(namesItsNetwork) && !onlyAsks(args);
  const added = byDefault ? [newMember('vde', vlans.firstWithNic(), { target: facts.defaultTarget })] : unassigned;
  output.push(...added.flatMap((member) => vlans.add(member)));

  const wired = output.flatMap((item) => (Array.isArray(item) ? networkArguments(item, wiring) : item));
  const memory = wiring.usesVhostUser ? withSharedMemory(wired, facts) : undefined;
  const argumentList = memory?.words ?? wired;
  return {
    joins: wiring.targets,
    opened: wiring.opened,
    notes: [...notes, ...wiring.notes, ...(memory?.notes ?? [])],
    decision: describe({
      asked,
      byDefault,
      onlyAsks: onlyAsks(args),
      targets: wiring.joined,
      by: memory ? ' by vhost-user' : '',
    }),
    asked,
    arguments: (descriptors) => argumentList.map((item) => (typeof item === 'string' ? item : item(descriptors))),
  };
}

function wiringOptions(
  args: readonly string[],
  { via, mode, vhostSocket = unknownSocket, chooseModel }: ViaOptions,
  facts: Facts,
): WiringOptions {
  const vhostUser = via === 'vhost-user';
  const options = vhostUser ? lineOptions(args, facts.readFile) : [];
  return {
    via,
    mode,
    vhostSocket,
    chardevIds: options.flatMap(({ name, settings }) => (name === 'chardev' ? (setting(settings, 'id') ?? []) : [])),
    vhostNics: { chooseModel, withoutVectors: vhostUser && mayEmulate(options) && facts.version()?.join() === '7,2' },
  };
}

function unknownSocket({ directory }: Target): never {
  throw new SwitchError('EINVAL', `the vhost-user socket of '${directory}' is not known`);
}

interface Decision {
  asked: boolean;
  byDefault: boolean;
  onlyAsks: boolean;
  targets: readonly Target[];
  by: string;
}

function describe({ asked, byDefault, onlyAsks, targets, by }: Decision): string {
  if (targets.length === 0) {
    if (onlyAsks) return 'joins no switch: QEMU prints what was asked and starts no guest';
    return `joins no switch: ${asked ? 'QEMU connects to it by itself' : 'the command line has its own network'}`;
  }
  const names = targets.map(({ directory, port }) => `'${directory}${port === undefined ? '' : `[${port}]`}'`);
  const why = byDefault ? ', since the command line names no network' : '';
  return `joins the switch ${names.join(' and ')}${by}${why}`;
}

/**
 * Reads the arguments, and converts the global options of user-mode networks (`-redir`, `-tftp`, `-bootp`, `-smb`,
 * `-net channel`) into settings of the first such network, or of QEMU's default network if the arguments have no
 * network. If they have networks but none in user mode, the options are left out and noted.
 */
function completed(args: readonly string[]): { items: (string | NetworkWords)[]; notes: string[] } {
  const read = readItems(args);
  const userOptions = read.filter(isUserWords);
  const items = read.filter((item) => !isUserWords(item)) as (string | NetworkWords)[];
  if (userOptions.length === 0) return { items, notes: [] };
  const isUser = (item: string | NetworkWords): item is NetworkWords =>
    typeof item !== 'string' && item.parsed.kind === 'user' && !item.words[1].startsWith('{');
  if (!items.some((item) => typeof item !== 'string' && !/device$/.test(item.option)))
    items.push(netWords('nic'), netWords('user')); // QEMU's default network
  const index = items.findIndex(isUser);
  if (index < 0) return { items, notes: userOptions.map(leftOut) };
  const { option, parsed, words } = items[index] as NetworkWords;
  const completedOption = { ...parsed, settings: withUserOptions(parsed.settings, userOptions) };
  items[index] = { option, parsed: completedOption, words: [words[0], formatNetOption(completedOption)] };
  return { items, notes: [] };
}

function netWords(kind: string): NetworkWords {
  return { option: 'net', parsed: { kind, settings: [] }, words: ['-net', kind] };
}

function leftOut({ option, value }: UserWords): string {
  const words = option === 'channel' ? `-net channel,${value}` : `-${option} ${value}`;
  return `'${words}' is left out: the command line has no user-mode network`;
}

/**
 * Returns the words of an option that belongs to no vlan, such as `-net nic,netdev=n0`, without old settings that have
 * no meaning there.
 */
function withoutVlan({ option, parsed, words }: NetworkWords): Argument[] {
  if (!parsed.settings.some(([key]) => key === 'vlan' || (option === 'net' && key === 'name'))) return [...words];
  const settings = renameKeys(withoutKeys(parsed.settings, 'vlan'), { name: 'id' });
  return [words[0], formatNetOption({ kind: parsed.kind, settings })];
}

/** Returns whether the option defines or names a network other than one of our switches. */
function namesItsNetwork({ option, parsed }: NetworkWords): boolean {
  if (option === 'nic' || option === 'netdev') return true;
  return parsed.kind === 'none' || setting(parsed.settings, 'netdev') !== undefined;
}

/** Returns whether QEMU only prints something and exits, as for `-version`, `-cpu help` or `-net nic,model=?`. */
function onlyAsks(args: readonly string[]): boolean {
  return args.some(
    (word, i) => /^--?(h|help|version)$/.test(word) || (LISTS.test(word) && ASKS.test(args[i + 1] ?? '')),
  );
}

const LISTS =
  /^--?(M|machine|cpu|accel|device|netdev|net|nic|object|chardev|soundhw|audiodev|display|vga|d|trace|drive)$/;
const ASKS = /(^|[,=])(help|\?)$/;

function givenMacs(items: readonly NetworkWords[]): string[] {
  return items.flatMap(({ parsed: { settings } }) => setting(settings, 'macaddr') ?? setting(settings, 'mac') ?? []);
}

/** Returns whether this `-net vde` already joins the target. Joining it twice on one vlan would make a loop. */
function alreadyJoins({ option, parsed }: NetworkWords, { directory, port }: Target): boolean {
  const named = option === 'net' && parsed.kind === 'vde' ? vdeTarget(parsed) : undefined;
  return named?.directory === directory && (port === undefined || port === named.port);
}

class Vlans {
  readonly #networks = new Map<number, Network>();

  /**
   * Adds a member to its vlan. If this is the vlan's first member, returns the network, which takes that member's
   * position among the arguments. Otherwise returns an empty list.
   */
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

  /** Returns whether no vlan has a backend. */
  haveNicsAlone(): boolean {
    return [...this.#networks.values()].flat().every(({ kind }) => kind === 'nic' || kind === 'dump');
  }

  /** Returns the lowest vlan that has a NIC, or 0 if none has. */
  firstWithNic(): number {
    const nics = [...this.#networks.values()].flat().filter(({ kind }) => kind === 'nic');
    return nics.length === 0 ? 0 : Math.min(...nics.map(({ vlan }) => vlan));
  }
}
