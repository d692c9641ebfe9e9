// The ports as data: which numbers are free and for whom. That real users are recognised is tested with real clients.
import { beforeEach, describe, expect, test } from 'vitest';
import { type EndpointInfo, MAX_PORTS, PortTable } from '../../src/switch/port-table.ts';

/** Debian's IDs. */
const [ROOT, DAEMON, BIN] = [0, 1, 2];
const ANY = { kind: 'any' } as const;
const by = (number: number) => ({ kind: 'number', number }) as const;
const refused = (code: string, message: string) => expect.objectContaining({ code, message });

let created: number[];
let ports: PortTable;

beforeEach(() => {
  created = [];
  ports = new PortTable(4, (number) => created.push(number));
});

const endpoint = (id: number, more: Partial<EndpointInfo> = {}) => ({ id, kind: 'vde', description: `${id}`, ...more });
const use = (number: number, id: number, user = ROOT) => ports.addEndpoint(number, endpoint(id), user);

describe('ports', () => {
  test('are created with every setting at its default, and each is reported', () => {
    ports.create(3);
    expect(ports.get(3)).toEqual({
      number: 3,
      name: undefined,
      untaggedVlan: 0,
      vlans: new Set([0]),
      active: false,
      allocatable: false,
      mirrorTarget: false,
      currentUser: undefined,
      user: undefined,
      group: undefined,
      attachment: undefined,
      endpoints: [],
    });
    expect(created).toEqual([3]);
    expect(ports.get(1)).toBeUndefined();
    ports.claim(by(1), DAEMON);
    expect(ports.get(1)).toMatchObject({ allocatable: true, active: false });
    expect(ports.list().map(({ number }) => number)).toEqual([1, 3]);
  });

  test('are shown as copies', () => {
    ports.create(1);
    use(1, 1);
    ports.get(1)!.endpoints.pop();
    expect(ports.get(1)!.endpoints).toHaveLength(1);
  });

  test('are listed by number', () => {
    for (const number of [3, 1, 4, 2]) ports.create(number);
    expect(ports.list().map(({ number }) => number)).toEqual([1, 2, 3, 4]);
    const many = new PortTable(20, () => {});
    for (const number of [10, 9, 2]) many.create(number);
    expect(many.list().map(({ number }) => number)).toEqual([2, 9, 10]);
  });

  test.each([0, -1, 5, 1.5, Number.NaN])('of the number %d cannot be created', (number) => {
    expect(() => ports.create(number)).toThrow(refused('EINVAL', `port ${number} is not one of 1 to 4`));
    expect([ports.list(), created]).toEqual([[], []]);
  });

  test('are created once', () => {
    ports.create(1);
    expect(() => ports.create(1)).toThrow(refused('EEXIST', 'port 1 exists already'));
    expect(created).toEqual([1]);
  });

  test('are removed unless they are in use or reserved', () => {
    ports.create(1);
    ports.remove(1);
    expect(ports.get(1)).toBeUndefined();
    expect(() => ports.remove(1)).toThrow(refused('ENXIO', 'there is no port 1'));
    expect(() => ports.remove(5)).toThrow(refused('EINVAL', 'port 5 is not one of 1 to 4'));
    ports.create(2);
    use(2, 1);
    expect(() => ports.remove(2)).toThrow(refused('EADDRINUSE', 'port 2 is active: close its endpoints first'));
    const { number } = ports.reserve('lab');
    expect(() => ports.remove(number)).toThrow(
      refused('EADDRINUSE', `port ${number} is reserved for 'lab': detach that first`),
    );
  });

  test('have VLANs and a user or group, by name, by number, or none', () => {
    ports.create(1);
    ports.setVlans(1, 5, new Set([5, 7]));
    ports.setUser(1, 'daemon');
    ports.setGroup(1, '2');
    expect(ports.get(1)).toMatchObject({ untaggedVlan: 5, vlans: new Set([5, 7]), user: DAEMON, group: BIN });
    ports.setUser(1, 'NONE');
    ports.setGroup(1, 'ANY');
    expect(ports.get(1)).toMatchObject({ user: undefined, group: undefined });
    expect(() => ports.setUser(1, 'no-such')).toThrow(refused('EINVAL', "there is no user 'no-such'"));
    expect(() => ports.setGroup(1, 'no-such')).toThrow(refused('EINVAL', "there is no group 'no-such'"));
    for (const set of [
      () => ports.setUser(2, 'daemon'),
      () => ports.setGroup(2, 'bin'),
      () => ports.setVlans(2, 0, new Set()),
    ])
      expect(set).toThrow(refused('ENXIO', 'there is no port 2'));
  });
});

describe('the limit', () => {
  test.each([0, -1, 1.5, MAX_PORTS + 1, Number.NaN])('is not %d', (limit) => {
    const sentence = `the number of ports is ${limit}: it must be from 1 to 65535`;
    expect(() => new PortTable(limit, () => {})).toThrow(refused('EINVAL', sentence));
    expect(() => {
      ports.limit = limit;
    }).toThrow(refused('EINVAL', sentence));
    expect(ports.limit).toBe(4);
  });

  test.each([1, MAX_PORTS])('may be %d', (limit) => {
    expect(new PortTable(limit, () => {}).limit).toBe(limit);
  });

  test('is raised, and lowered as far as the highest port', () => {
    ports.create(3);
    ports.create(1);
    ports.limit = 6;
    ports.create(6);
    ports.remove(6);
    ports.limit = 3;
    expect(ports.limit).toBe(3);
    expect(() => {
      ports.limit = 2;
    }).toThrow(refused('EADDRINUSE', 'port 3 exists: remove it first'));
    expect(() => ports.create(4)).toThrow(refused('EINVAL', 'port 4 is not one of 1 to 3'));
  });
});

describe('a client', () => {
  test('that asks for any port gets the lowest that is free and allocatable', () => {
    ports.create(1); // port 1 is only for clients that name it
    expect(ports.claim(ANY, DAEMON)).toEqual({ number: 2, created: true });
    use(2, 1, DAEMON);
    expect(ports.claim(ANY, DAEMON)).toEqual({ number: 3, created: true });
    ports.setAllocatable(1, true);
    expect(ports.claim(ANY, DAEMON)).toEqual({ number: 1, created: false });
    use(1, 2, DAEMON);
    use(3, 3, DAEMON);
    ports.reserve('lab');
    expect(() => ports.claim(ANY, DAEMON)).toThrow(
      refused('ENOSPC', 'all 4 ports are in use: start with a larger --numports'),
    );
    expect(() => ports.createAuto()).toThrow(
      refused('ENOSPC', 'all 4 ports are in use: start with a larger --numports'),
    );
  });

  test('that names a port gets it, also port 0 and one that is not allocatable', () => {
    ports.create(2);
    expect(ports.claim(by(2), DAEMON)).toEqual({ number: 2, created: false });
    expect(ports.claim(by(0), DAEMON)).toEqual({ number: 0, created: true });
    expect(ports.claim(by(4), DAEMON)).toEqual({ number: 4, created: true });
    expect(created).toEqual([2, 0, 4]);
    expect(() => ports.claim(by(5), DAEMON)).toThrow(refused('EINVAL', 'port 5 is not one of 1 to 4'));
  });

  test('shares a port only with clients of the same user; root is no exception', () => {
    ports.claim(by(1), DAEMON);
    use(1, 1, DAEMON);
    expect(ports.claim(by(1), DAEMON)).toEqual({ number: 1, created: false });
    for (const other of [BIN, ROOT])
      expect(() => ports.claim(by(1), other)).toThrow(refused('EADDRINUSE', 'port 1 is in use by another user'));
    ports.removeEndpoint(1, 1);
    expect(ports.claim(by(1), BIN)).toEqual({ number: 1, created: false });
  });

  test('gets no port that an attachment has reserved', () => {
    const { number } = ports.reserve('lab');
    expect(() => ports.claim(by(number), ROOT)).toThrow(refused('EADDRINUSE', "port 1 is reserved for 'lab'"));
    ports.release(number);
    expect(ports.claim(by(number), ROOT)).toEqual({ number: 1, created: false });
  });

  test('gets a port reserved for its user or group, and root gets any', () => {
    ports.create(1);
    const refusal = refused('EACCES', 'port 1 is reserved for another user or group');
    ports.setUser(1, 'daemon');
    for (const user of [DAEMON, ROOT]) expect(ports.claim(by(1), user).number).toBe(1);
    expect(() => ports.claim(by(1), BIN)).toThrow(refusal);
    ports.setGroup(1, 'bin');
    for (const user of [DAEMON, BIN, ROOT]) expect(ports.claim(by(1), user).number).toBe(1);
    expect(() => ports.claim(by(1), 3)).toThrow(refusal);
    ports.setUser(1, 'NONE');
    expect(() => ports.claim(by(1), DAEMON)).toThrow(refusal);
    expect(ports.claim(by(1), BIN).number).toBe(1);
  });
});

describe('port/createauto', () => {
  test('takes the lowest free port, which clients that name no port then cannot get', () => {
    ports.claim(by(1), DAEMON);
    use(1, 1, DAEMON);
    ports.claim(by(2), DAEMON);
    ports.setVlans(2, 5, new Set([5]));
    expect(ports.createAuto()).toBe(2);
    expect(ports.get(2)).toMatchObject({ allocatable: false, untaggedVlan: 5 });
    expect(ports.createAuto()).toBe(3);
    expect(ports.get(3)).toMatchObject({ allocatable: false });
    expect(ports.claim(ANY, DAEMON)).toEqual({ number: 4, created: true });
    expect(created).toEqual([1, 2, 3, 4]);
  });
});

describe('an attachment', () => {
  test('reserves any free port, or the first free one of a range', () => {
    expect(ports.reserve('a')).toEqual({ number: 1, created: true });
    expect(ports.get(1)).toMatchObject({ attachment: 'a', allocatable: true });
    ports.create(3);
    ports.setVlans(3, 5, new Set([5]));
    expect(ports.reserve('b', { first: 3, atMost: 1 })).toEqual({ number: 3, created: false });
    expect(ports.get(3)).toMatchObject({ attachment: 'b', untaggedVlan: 5, allocatable: false });
    expect(created).toEqual([1, 3]);
    expect(ports.reserve('c', { first: 1, atMost: 9 })).toEqual({ number: 2, created: true });
    use(2, 1);
    expect(ports.reserve('d', { first: 1, atMost: 4 })).toEqual({ number: 4, created: true });
  });

  test('is refused where the range is in use or beyond the limit', () => {
    ports.reserve('a', { first: 2, atMost: 1 });
    ports.create(3);
    use(3, 1);
    expect(() => ports.reserve('b', { first: 2, atMost: 1 })).toThrow(refused('EADDRINUSE', 'port 2 is in use'));
    expect(() => ports.reserve('b', { first: 2, atMost: 2 })).toThrow(refused('EADDRINUSE', 'ports 2 to 3 are in use'));
    expect(() => ports.reserve('b', { first: 5, atMost: 2 })).toThrow(refused('EINVAL', 'port 5 is not one of 1 to 4'));
    expect(() => ports.reserve('b', { first: 0, atMost: 5 })).toThrow(refused('EINVAL', 'port 0 is not one of 1 to 4'));
    ports.reserve('c', { first: 4, atMost: 1 });
    expect(() => ports.reserve('b', { first: 3, atMost: 7 })).toThrow(refused('EADDRINUSE', 'ports 3 to 9 are in use'));
  });

  test('may get a port that is reserved for a user, since the attachment names the port', () => {
    ports.create(2);
    ports.setUser(2, 'daemon');
    expect(ports.reserve('a', { first: 2, atMost: 1 }).number).toBe(2);
  });
});

describe('endpoints', () => {
  test('are listed newest first, and the first one decides the user', () => {
    ports.create(1);
    use(1, 1, DAEMON);
    use(1, 2, BIN);
    expect(ports.get(1)).toMatchObject({
      active: true,
      currentUser: DAEMON,
      endpoints: [endpoint(2), endpoint(1)],
    });
    ports.removeEndpoint(1, 1);
    expect(ports.get(1)).toMatchObject({ active: true, currentUser: DAEMON, endpoints: [endpoint(2)] });
    ports.removeEndpoint(1, 2);
    expect(ports.get(1)).toMatchObject({ active: false, currentUser: undefined, endpoints: [] });
    ports.addEndpoint(1, endpoint(3), undefined);
    expect(ports.get(1)).toMatchObject({ active: true, currentUser: undefined });
    expect(() => ports.addEndpoint(2, endpoint(4), ROOT)).toThrow(refused('ENXIO', 'there is no port 2'));
  });

  test('have IDs that go round after 9999 and skip those in use', () => {
    ports.create(1);
    const next = () => ports.nextEndpointId();
    expect([next(), next()]).toEqual([1, 2]);
    use(1, 4);
    expect([next(), next()]).toEqual([3, 5]);
    for (let id = 6; id <= 9999; id++) expect(next()).toBe(id);
    use(1, 1);
    expect([next(), next(), next()]).toEqual([2, 3, 5]);
    ports.removeEndpoint(1, 4);
    for (let id = 6; id <= 9999; id++) next();
    expect([next(), next(), next()]).toEqual([2, 3, 4]);
  });

  test('have longer IDs while all short ones are in use, and short ones again afterwards', () => {
    ports.create(1);
    const inUse = new Set<number>();
    const add = () => {
      const id = ports.nextEndpointId();
      expect(inUse.has(id), `ID ${id}`).toBe(false);
      use(1, id);
      inUse.add(id);
      return id;
    };
    const remove = (id: number) => {
      ports.removeEndpoint(1, id);
      inUse.delete(id);
    };
    for (let id = 1; id <= 9998; id++) add();
    expect([add(), add(), add()]).toEqual([9999, 10_000, 10_001]);
    // Freed IDs come up again in their turn, not at once.
    remove(5);
    expect(add()).toBe(10_002);
    for (const id of [10_000, 10_001, 10_002, 17]) remove(id);
    expect(add()).toBe(5);
    expect(add()).toBe(17);
    expect(add()).toBe(10_000);
  });
});
