// The keys of a kind of port as data: what each may be, and what it is for. Validation, help and every refusal follow from it.
import { resolve } from 'node:path';
import { SwitchError } from '../protocol/errors.ts';
import { nearestName } from '../protocol/nearest.ts';
import type { PortSpec } from '../protocol/port-spec.ts';

/** What a value may be. */
export interface ValueType<T> {
  /** For a sentence: `on or off`. */
  readonly what: string;
  /** undefined: it is none. */
  parse(text: string): T | undefined;
}

export interface Key<T = unknown> {
  value: ValueType<T>;
  help: string;
  required?: true;
  /** Its values come as a list, which is empty where there are none. */
  repeatable?: true;
  /** Where it is not given. */
  fallback?: T;
}

export type Keys = Readonly<Record<string, Key>>;

type ValueOf<K extends Key> =
  K extends Key<infer T>
    ? K extends { repeatable: true }
      ? readonly T[]
      : K extends { required: true } | { fallback: unknown }
        ? T
        : T | undefined
    : never;

/** What a kind with these keys is opened with. */
export type Values<K extends Keys> = { readonly [N in keyof K]: ValueOf<K[N]> };

export const text: ValueType<string> = { what: 'any text', parse: (text) => (text === '' ? undefined : text) };

export const flag: ValueType<boolean> = {
  what: 'on or off',
  parse: (text) => (text === 'on' ? true : text === 'off' ? false : undefined),
};

/** Absolute, so that it is the same file for a daemon. */
export const path: ValueType<string> = {
  what: 'a path',
  parse: (text) => (text === '' ? undefined : resolve(text)),
};

export const mode: ValueType<number> = {
  what: 'rights in octal, like 660',
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

/** QEMU's rule for an id. */
const name: ValueType<string> = {
  what: 'a letter, then letters, digits and -._',
  parse: (text) => (/^[a-z][a-z0-9._-]{0,63}$/i.test(text) ? text : undefined),
};

/** Of every kind. */
export const COMMON_KEYS = {
  id: { value: name, help: 'its name in logs, metrics and port/detach; default the kind and a number' },
  switchport: { value: number(1, 65535), help: 'the port of the switch to take; default any free one' },
  vlan: { value: number(0, 4094), help: 'the untagged VLAN of that port, created where there is none yet' },
} as const satisfies Keys;

/** Of what a kind takes, as its values; throws EINVAL with a sentence that names the key and what it may be. */
export function readValues<K extends Keys>(keys: K, { kind, pairs }: PortSpec): Values<K> {
  const given: Record<string, unknown[]> = {};
  for (const [name, word] of pairs) {
    const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (!key) throw new SwitchError('EINVAL', unknownKey(kind, name, Object.keys(keys)));
    const value = key.value.parse(word);
    if (value === undefined)
      throw new SwitchError('EINVAL', `${kind}: ${name} is '${word}': it must be ${key.value.what}`);
    given[name] ??= [];
    given[name].push(value);
    if (given[name].length > 1 && !key.repeatable) throw new SwitchError('EINVAL', `${kind}: ${name} is given twice`);
  }
  const values: Record<string, unknown> = {};
  for (const [name, { required, repeatable, fallback, help }] of Object.entries<Key>(keys)) {
    if (required && !given[name]) throw new SwitchError('EINVAL', `${kind}: ${name} is missing: ${help}`);
    values[name] = repeatable ? (given[name] ?? []) : (given[name]?.[0] ?? fallback);
  }
  return values as Values<K>;
}

function unknownKey(kind: string, name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  const hint = nearest ? `did you mean '${nearest}'?` : `--port ${kind},help lists its keys`;
  return `${kind} has no key '${name}'; ${hint}`;
}
