// Specs as objects: their types follow the tables of keys, their text is what --port takes, and an error has the same
// sentence in both forms.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { COMMON_KEYS, Key } from '../../src/backends/keys.ts';
import type { DefinedKind } from '../../src/backends/kind.ts';
import type { dgram } from '../../src/backends/kinds/dgram.ts';
import type { socket } from '../../src/backends/kinds/socket.ts';
import type { stream } from '../../src/backends/kinds/stream.ts';
import type { tap } from '../../src/backends/kinds/tap.ts';
import type { user } from '../../src/backends/kinds/user.ts';
import type { vde } from '../../src/backends/kinds/vde.ts';
import type { vhostUser } from '../../src/backends/kinds/vhost-user.ts';
import { kinds, parsePortRequest } from '../../src/backends/kinds.ts';
import { type CommonKeys, type SpecObject, Switch } from '../../src/index.ts';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { temporaryDirectory } from '../support/temporary.ts';

// --- The types, which are checked when this file is compiled

/** The type of a key's value in an object: numbers and booleans as such, any other value as its text. */
type Word<T> = [T] extends [boolean]
  ? boolean
  : [T] extends [string]
    ? T
    : string | (T extends number ? number : never);
type Given<K extends Key> =
  K extends Key<infer T> ? (K extends { repeatable: true } ? string | readonly string[] : Word<T>) : never;
type IsRequired<K extends Key> = K extends { required: true; goesWith?: never } ? true : false;

type KeysOf<K> = K extends DefinedKind<string, infer Keys> ? Keys : never;
type NameOf<K> = K extends DefinedKind<infer Name, infer _> ? Name : never;
type SpecOf<K> = Omit<Extract<SpecObject, { kind: NameOf<K> }>, keyof CommonKeys>;

/** The faults of a kind's handwritten type; `never` if it has none. */
type Faults<Spec, Keys extends Record<string, Key>> =
  | Exclude<keyof Spec, keyof Keys | 'kind'>
  | { [N in keyof Keys]: N extends keyof Spec ? FaultOf<Spec, N, Keys[N]> : N }[keyof Keys];
type FaultOf<Spec, N extends keyof Spec, K extends Key> =
  | (Exclude<Spec[N], undefined> extends Given<K> ? never : N)
  | (Record<never, never> extends Pick<Spec, N>
      ? IsRequired<K> extends true
        ? N
        : never
      : IsRequired<K> extends true
        ? never
        : N);

type FaultsOf<K> = K extends unknown ? Faults<SpecOf<K>, KeysOf<K>> : never;
type AllFaults = FaultsOf<
  typeof tap | typeof socket | typeof stream | typeof dgram | typeof user | typeof vde | typeof vhostUser
>;
const noFaults: [AllFaults | Faults<CommonKeys, typeof COMMON_KEYS>] extends [never] ? true : false = true;

describe('a spec as an object', () => {
  test('has a type for every kind, with its keys', () => {
    expect(noFaults).toBe(true);
    const names: readonly SpecObject['kind'][] = ['tap', 'socket', 'stream', 'dgram', 'user', 'vde', 'vhost-user'];
    expect(kinds.map(({ name }) => name)).toEqual(names);
  });

  test.each<[SpecObject, string]>([
    [{ kind: 'tap' }, 'tap'],
    [{ kind: 'tap', ifname: '' }, 'tap,ifname='],
    [{ vlan: 7, kind: 'tap', vnet_hdr: false, id: 'x', ifname: 'a,b' }, 'tap,ifname=a,,b,vnet_hdr=off,id=x,vlan=7'],
    [
      { kind: 'user', net: '10.0.2.0/24', hostfwd: ['tcp::1-:2', 'tcp::3-:4'], mtu: 9000 },
      'user,net=10.0.2.0/24,hostfwd=tcp::1-:2,hostfwd=tcp::3-:4,mtu=9000',
    ],
    [{ kind: 'user', dnssearch: [], hostfwd: 'tcp::1-:2' }, 'user,hostfwd=tcp::1-:2'],
    [{ kind: 'vde', sock: '/run/other', mode: 0o660 }, 'vde,sock=/run/other,mode=660'],
    [
      { kind: 'stream', server: true, 'addr.type': 'unix', 'addr.path': '/a', mode: 0o600 },
      'stream,server=on,addr.type=unix,addr.path=/a,mode=600',
    ],
    [
      { kind: 'socket', listen: ':1', 'keep-alive': true, switchport: 3 },
      'socket,listen=:1,keep-alive=on,switchport=3',
    ],
  ])('%o is %s', (object, text) => {
    const request = parsePortRequest(object);
    expect(request.spec).toBe(text);
    expect(request.values).toEqual(parsePortRequest(text).values);
    expect(request.kind).toBe(parsePortRequest(text).kind);
  });

  test.each<[object, string]>([
    [{ kind: 'tap', ifnam: 'a' }, 'tap,ifnam=a'],
    [{ kind: 'tab' }, 'tab'],
    [{ kind: 'tap', switchport: 0 }, 'tap,switchport=0'],
    [{ kind: 'tap', switchport: 1.5 }, 'tap,switchport=1.5'],
    [{ kind: 'tap', vnet_hdr: 1 }, 'tap,vnet_hdr=1'],
    [{ kind: 'tap', ifname: ['a', 'b'] }, 'tap,ifname=a,ifname=b'],
    [{ kind: 'vde' }, 'vde'],
    [{ kind: 'vde', sock: '/a', mode: 0o7777 }, 'vde,sock=/a,mode=7777'],
    [{ kind: 'dgram', 'remote.type': 'inet', 'remote.path': '/a' }, 'dgram,remote.type=inet,remote.path=/a'],
    [{ kind: 'user', hostfwd: ['nonsense'] }, 'user,hostfwd=nonsense'],
  ])('%o is refused in the words of %s', (object, text) => {
    const sentence = (spec: string | SpecObject) => {
      try {
        return parsePortRequest(spec).spec;
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(sentence(object as SpecObject)).toBe(sentence(text));
    expect(() => parsePortRequest(object as SpecObject)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test.each([
    [undefined, /a spec is text, KIND,key=value,…, or an object with a kind/],
    [null, /a spec is text/],
    [7, /a spec is text/],
    [{}, /a spec is text/],
    [{ kind: 'tap', ifname: null }, /tap: ifname is null: it must be text, a number or a boolean/],
    [{ kind: 'tap', ifname: {} }, /tap: ifname is of type object: it must be/],
  ])('%o is refused with a sentence', (spec, sentence) => {
    expect(() => parsePortRequest(spec as SpecObject)).toThrow(sentence);
  });
});

describeWith(['root', 'tun', 'ip'], 'attach()', () => {
  test('takes an object, and shows its text', async () => {
    const sw = new Switch();
    atEnd(() => sw.close());
    const ifname = `tsv-o${process.pid % 100_000}`;
    const attachment = await sw.attach({ kind: 'tap', ifname, switchport: 5 });
    expect(attachment).toMatchObject({
      id: 'tap0',
      kind: 'tap',
      spec: `tap,ifname=${ifname},switchport=5`,
      ports: [5],
    });
    expect(sw.attachments()).toMatchObject([{ id: 'tap0', spec: `tap,ifname=${ifname},switchport=5` }]);
  });
});

describe('attach() with a signal', () => {
  test('is abandoned with its reason, and changes nothing', async () => {
    const sw = new Switch();
    atEnd(() => sw.close());
    const reason = new Error('enough');
    const vde = { kind: 'vde', sock: '/nowhere', vlan: 7 } as const;
    await expect(sw.attach(vde, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const directory = temporaryDirectory();
    const silent = createServer((stream) => stream.on('error', () => {}).resume()).listen(`${directory}/ctl`);
    atEnd(() => silent.close());
    await once(silent, 'listening');
    const attaching = sw.attach({ ...vde, sock: directory }, { signal: abort.signal });
    await once(silent, 'connection');
    abort.abort(reason);
    await expect(attaching).rejects.toBe(reason);
    expect(sw.attachments()).toEqual([]);
    expect(sw.ports.list().filter(({ attachment }) => attachment !== undefined)).toEqual([]);
    expect(sw.vlans.get(7)).toBeUndefined();
    await expect(sw.attach('vde,sock=/nowhere', { singal: 1 } as object)).rejects.toThrow(
      "there is no option 'singal'",
    );
    expect(await sw.attach(vde)).toMatchObject({ id: 'vde0', ports: [1] });
  });
});
