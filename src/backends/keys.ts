// The keys of a kind of port as data: each key's values and its purpose. Validation, help and error messages derive
// from this data.
import { resolve } from 'node:path';
import { SwitchError } from '../protocol/errors.ts';
import { isName, NAME_RULE } from '../protocol/names.ts';
import { nearestName } from '../protocol/nearest.ts';
import type { PortSpec } from '../protocol/port-spec.ts';

/** The type of a key's value. */
export interface ValueType<T> {
  /** The permitted values in words, for help and errors: `on or off`. */
  readonly what: string;
  /** Returns the value of a text; undefined if the text is not a permitted value. */
  parse(text: string): T | undefined;
}

export interface Key<T = unknown> {
  value: ValueType<T>;
  help: string;
  required?: true;
  /**
   * If this is set, the key is permitted only together with one of these keys or `key=value` pairs, and `required`
   * applies only if one of them is given.
   */
  goesWith?: readonly string[];
  /** The key may be given several times. Its values are a list, which is empty if the key is absent. */
  repeatable?: true;
  /** The value if the key is not given. */
  fallback?: T;
}

export type Keys = Readonly<Record<string, Key>>;

type ValueOf<K extends Key> =
  K extends Key<infer T>
    ? K extends { repeatable: true }
      ? readonly T[]
      : K extends { fallback: unknown } | { required: true; goesWith?: never }
        ? T
        : T | undefined
    : never;

/** The values of a spec. The type of each value follows from its key. */
export type Values<K extends Keys> = { readonly [N in keyof K]: ValueOf<K[N]> };

export const text: ValueType<string> = { what: 'any text', parse: (text) => (text === '' ? undefined : text) };

export const flag: ValueType<boolean> = {
  what: 'on or off',
  parse: (text) => (text === 'on' ? true : text === 'off' ? false : undefined),
};

/** The value type of a path, which is made absolute. */
export const path: ValueType<string> = {
  what: 'a path',
  parse: (text) => (text === '' ? undefined : resolve(text)),
};

export const mode: ValueType<number> = {
  what: 'permissions in octal, like 660',
  parse: (text) => (/^0*[0-7]{1,3}$/.test(text) ? Number.parseInt(text, 8) : undefined),
};

export function number(least: number, most: number): ValueType<number> {
  return {
    what: `a number from ${least} to ${most}`,
    parse: (text) => (/^\d{1,15}$/.test(text) && +text >= least && +text <= most ? +text : undefined),
  };
}

export function oneOf<const T extends string>(...words: readonly T[]): ValueType<T> {
  return { what: words.join(' or '), parse: (text) => words.find((word) => word === text) };
}

/** The value type of a name or an ID. */
const name: ValueType<string> = { what: NAME_RULE, parse: (text) => (isName(text) ? text : undefined) };

const portNumber = number(1, 65535);
const port: ValueType<number | string> = {
  what: `${portNumber.what}, or the name of a port`,
  parse: (text) => portNumber.parse(text) ?? name.parse(text),
};

/** The keys that every kind has. */
export const COMMON_KEYS = {
  id: {
    value: name,
    help: 'the name of the attachment in logs, metrics and port/detach; default the kind and a number',
  },
  name: { value: name, help: 'the name of the port; -1, -2 and so on is appended if another port has it' },
  switchport: { value: port, help: 'the port of the switch to use; default any free port' },
  vlan: { value: number(0, 4094), help: "the port's untagged VLAN, created if it does not exist" },
} as const satisfies Keys;

/** Parses the values of a spec. Throws SwitchError EINVAL, naming the key and its permitted values. */
export function readValues<K extends Keys>(keys: K, { kind, pairs }: PortSpec): Values<K> {
  const refuse = (why: string): never => {
    throw new SwitchError('EINVAL', `${kind}${why}`);
  };
  const given = new Map<string, unknown[]>();
  for (const [name, word] of pairs) {
    const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (!key) return refuse(unknownKey(kind, name, Object.keys(keys)));
    const value = key.value.parse(word);
    if (value === undefined) refuse(`: ${name} is '${word}': it must be ${key.value.what}`);
    const values = given.get(name) ?? [];
    if (values.length > 0 && !key.repeatable) refuse(`: ${name} is given twice`);
    given.set(name, [...values, value]);
  }
  const single = (name: string) => given.get(name)?.[0] ?? keys[name]?.fallback;
  const holds = (condition: string) => {
    const [name = '', word] = condition.split('=');
    const value = single(name);
    return word === undefined ? given.has(name) : value === keys[name]?.value.parse(word);
  };
  const values: Record<string, unknown> = {};
  for (const [name, { required, goesWith, repeatable, help }] of Object.entries<Key>(keys)) {
    const wanted = goesWith === undefined || goesWith.some(holds);
    if (given.has(name) && !wanted) refuse(`: ${name} goes only with ${goesWith!.join(' or ')}`);
    if (required && wanted && !given.has(name)) refuse(`: ${name} is missing: ${help}`);
    values[name] = repeatable ? (given.get(name) ?? []) : single(name);
  }
  return values as Values<K>;
}

function unknownKey(kind: string, name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  const hint = nearest ? `did you mean '${nearest}'?` : `--port ${kind},help lists its keys`;
  return ` has no key '${name}'; ${hint}`;
}
