// The mirrors of a switch. The engine copies the frames, so they never pass through JavaScript.
import { SwitchError } from '../protocol/errors.ts';
import { isName, NAME_RULE } from '../protocol/names.ts';
import { checkOptions } from '../protocol/options.ts';
import type { Direction, NativeEngine } from '../system/engine.ts';
import type { PortTable } from './port-table.ts';
import type { SpanningTrees } from './spanning-trees.ts';
import type { Vlans } from './vlans.ts';

/** Selects the frames that are copied, and the port that they are copied to. Either `from` or `vlan` is given. */
export interface MirrorOptions {
  /** The mirrored ports, each given by its number or its name. */
  from?: readonly (number | string)[];
  /** The mirrored VLAN, whose frames are copied on all ports. */
  vlan?: number;
  /**
   * `rx` selects frames that the switch receives from a mirrored port, `tx` frames that it sends to a mirrored port.
   * Default `both`.
   */
  direction?: Direction;
  /**
   * The target, given by its number or its name. If the port does not exist, it is created, and clients get it only if
   * they ask for it.
   */
  to: number | string;
}

/** A mirror, as Mirrors.list() returns it. */
export interface MirrorInfo {
  /** The name of the mirror. */
  name: string;
  /** The numbers of the mirrored ports; undefined if a VLAN is mirrored. */
  from: readonly number[] | undefined;
  /** The mirrored VLAN; undefined if ports are mirrored. */
  vlan: number | undefined;
  /** The direction of the mirrored frames. */
  direction: Direction;
  /** The number of the target. */
  to: number;
  /** The number of frames copied so far. Copies that the target has dropped are counted by the target's counters. */
  frames: bigint;
}

const OPTIONS = { from: true, vlan: true, direction: true, to: true } satisfies Record<keyof MirrorOptions, true>;
const MIRRORS_MAX = 64;

/** The parts of the switch that mirrors use. @internal */
export interface MirrorParts {
  engine: NativeEngine;
  table: PortTable;
  vlans: Vlans;
  spanningTrees: SpanningTrees;
}

/**
 * Mirrors copy frames to a port. A mirror copies each frame once, even if the frame passes several mirrored ports. The
 * target of a mirror is sent copies and nothing else; frames from it are dropped, and its addresses are not learned.
 */
export class Mirrors {
  readonly #parts: MirrorParts;
  readonly #entries = new Map<string, Omit<MirrorInfo, 'frames'> & { id: number }>();
  #lastId = 0;

  /** @internal */
  constructor(parts: MirrorParts) {
    this.#parts = parts;
  }

  /**
   * Begins a mirror. Throws SwitchError EEXIST if the name is in use, EINVAL if an option is invalid, ENXIO if the VLAN
   * does not exist, EADDRINUSE if a port would be both mirrored and the target of a mirror, and ENOSPC if there are 64
   * mirrors already.
   */
  add(name: string, options: MirrorOptions): void {
    const { engine, table } = this.#parts;
    checkOptions(options, OPTIONS);
    if (!isName(name)) throw new SwitchError('EINVAL', `'${name}' is not a name: it must be ${NAME_RULE}`);
    if (this.#entries.has(name)) throw new SwitchError('EEXIST', `there is a mirror '${name}' already`);
    const checked = this.#check(options);
    if (this.#entries.size >= MIRRORS_MAX)
      throw new SwitchError('ENOSPC', `there are ${MIRRORS_MAX} mirrors already: remove one`);
    const { to, from = [], vlan = 0, direction } = checked;
    if (!table.get(to)) table.create(to);
    const id = ++this.#lastId;
    engine.addMirror(id, { ports: from, vlan, direction }, to);
    this.#entries.set(name, { id, name, ...checked });
    this.#setTarget(to, true);
  }

  /** Ends a mirror. Throws SwitchError ENOENT if there is no mirror of that name. */
  remove(name: string): void {
    const entry = this.#entries.get(name);
    if (!entry) throw new SwitchError('ENOENT', `there is no mirror '${name}'`);
    this.#parts.engine.removeMirror(entry.id);
    this.#entries.delete(name);
    const stays = [...this.#entries.values()].some(({ to }) => to === entry.to);
    if (!stays) this.#setTarget(entry.to, false);
  }

  /** Returns all mirrors in the order in which they began. */
  list(): MirrorInfo[] {
    return [...this.#entries.values()].map(({ id, ...info }) => ({
      ...info,
      frames: this.#parts.engine.mirroredFrames(id),
    }));
  }

  #setTarget(to: number, isTarget: boolean): void {
    const { table, spanningTrees } = this.#parts;
    table.setMirrorTarget(to, isTarget);
    spanningTrees.portChanged(to, table.get(to));
  }

  #check({ from, vlan, direction = 'both', to }: MirrorOptions): Omit<MirrorInfo, 'name' | 'frames'> {
    const { table, vlans } = this.#parts;
    if (!['rx', 'tx', 'both'].includes(direction))
      throw new SwitchError('EINVAL', `'${direction}' is not a direction: it is rx, tx or both`);
    const given = from !== undefined && from.length > 0;
    if (given === (vlan !== undefined))
      throw new SwitchError('EINVAL', 'a mirror needs either the ports that it copies from, or a VLAN');
    if (to === undefined) throw new SwitchError('EINVAL', 'a mirror needs the port that it copies to');
    if (vlan !== undefined) vlans.check(vlan);
    const ports = given ? [...new Set(from.map((port) => table.number(port)))] : undefined;
    const target = table.number(to);
    for (const port of ports ?? []) {
      if (port === target) throw new SwitchError('EINVAL', `port ${port} cannot be mirrored to itself`);
      if (table.get(port)?.mirrorTarget)
        throw new SwitchError('EADDRINUSE', `port ${port} is the target of a mirror: it cannot be mirrored`);
    }
    const other = [...this.#entries.values()].find((entry) => entry.from?.includes(target));
    if (other)
      throw new SwitchError('EADDRINUSE', `port ${target} is mirrored by '${other.name}': it cannot be a target`);
    return { from: ports, vlan, direction, to: target };
  }
}
