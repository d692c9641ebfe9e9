// All kinds of port that --port and port/attach accept, in the order of their help.
import { SwitchError } from '../protocol/errors.ts';
import { nearestName } from '../protocol/nearest.ts';
import { type PortSpec, parsePortSpec } from '../protocol/port-spec.ts';
import { COMMON_KEYS, type Key, type Keys, readValues, type Values } from './keys.ts';
import type { Kind } from './kind.ts';
import { dgram } from './kinds/dgram.ts';
import { socket } from './kinds/socket.ts';
import { stream } from './kinds/stream.ts';
import { tap } from './kinds/tap.ts';
import { user } from './kinds/user.ts';
import { vde } from './kinds/vde.ts';
import { vhostUser } from './kinds/vhost-user.ts';
import { formatSpec, type SpecObject, toPairs } from './specs.ts';

export const kinds: readonly Kind[] = [tap, socket, stream, dgram, user, vde, vhostUser];

/** A spec that has been parsed and checked against its kind. */
export interface PortRequest {
  /** The spec as text. */
  spec: string;
  kind: Kind;
  values: Values<Keys> & Values<typeof COMMON_KEYS>;
}

/** Parses a spec, given as text or as an object. Throws SwitchError EINVAL with the same sentence for both. */
export function parsePortRequest(spec: string | SpecObject): PortRequest {
  const parsed = typeof spec === 'string' ? parsePortSpec(spec) : parseObject(spec);
  const kind = findKind(parsed);
  const values = readValues({ ...kind.keys, ...COMMON_KEYS }, parsed);
  return { spec: typeof spec === 'string' ? spec : formatSpec(parsed), kind, values };
}

function parseObject(spec: SpecObject): PortSpec {
  if (typeof spec !== 'object' || spec === null || typeof spec.kind !== 'string')
    throw new SwitchError('EINVAL', "a spec is text, KIND,key=value,…, or an object with a kind, { kind: 'tap', … }");
  const { name: kind, keys } = findKind(spec);
  return { kind, pairs: toPairs(spec, keys), help: false };
}

/** Returns the list of kinds for `help`, a kind's keys for `KIND,help`, and undefined for a spec to be opened. */
export function portHelp(spec: string): string | undefined {
  const parsed = parsePortSpec(spec);
  if (!parsed.help) return undefined;
  if (parsed.kind === 'help' || parsed.kind === '?')
    return table(
      'Kinds of port; KIND,help shows the keys of one:',
      kinds.map(({ name, help }) => [name, help]),
    );
  const kind = findKind(parsed);
  const describe = ([name, key]: [string, Key]): [string, string] => [`${name}=`, describeKey(key)];
  return [
    table(`${kind.name}: ${kind.help}`, Object.entries(kind.keys).map(describe)),
    table('Keys of every kind:', Object.entries<Key>(COMMON_KEYS).map(describe)),
  ].join('\n');
}

/** A key of a kind, as data. */
export interface KeyInfo {
  key: string;
  /** The permitted values in words. */
  value: string;
  help: string;
  required: boolean;
  repeatable: boolean;
}

/** Returns a kind's own keys, then those that all kinds have. Throws SwitchError EINVAL if there is no such kind. */
export function keysOf(kind: string): KeyInfo[] {
  const keys: Keys = { ...findKind({ kind }).keys, ...COMMON_KEYS };
  return Object.entries(keys).map(([key, { value, help, required = false, repeatable = false }]) => ({
    key,
    value: value.what,
    help,
    required,
    repeatable,
  }));
}

function findKind({ kind: name }: { kind: string }): Kind {
  const kind = kinds.find((kind) => kind.name === name);
  if (kind) return kind;
  const names = kinds.map(({ name }) => name);
  const nearest = nearestName(name, names);
  const hint = nearest ? `did you mean '${nearest}'?` : `there are ${names.join(', ')}`;
  throw new SwitchError('EINVAL', `there is no kind of port '${name}'; ${hint}`);
}

function describeKey({ value, help, required, goesWith, repeatable, fallback }: Key): string {
  const notes = [
    value.what,
    ...(goesWith ? [`with ${goesWith.join(' or ')}`] : []),
    ...(required ? ['required'] : []),
    ...(repeatable ? ['may be repeated'] : []),
    ...(fallback === undefined ? [] : [`default ${fallback === true ? 'on' : fallback === false ? 'off' : fallback}`]),
  ];
  return `${help} (${notes.join('; ')})`;
}

function table(heading: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return [heading, ...rows.map(([name, help]) => `  ${name.padEnd(width)}  ${help}`), ''].join('\n');
}
