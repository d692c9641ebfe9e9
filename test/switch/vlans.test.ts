// The VLANs of a switch as data: what each change tells the engine and the watcher, and what is refused. Other tests
// show, in native/test and in comparison with vde_switch, that the engine forwards accordingly.
import { beforeEach, describe, expect, test } from 'vitest';
import { PortTable } from '../../src/switch/port-table.ts';
import { NO_VLAN, Vlans } from '../../src/switch/vlans.ts';
import type { NativeEngine } from '../../src/system/engine.ts';

let said: string[];
let ports: PortTable;
let vlans: Vlans;

/** Ports 1 and 2, VLANs 0, 5 and 7. */
beforeEach(() => {
  said = [];
  const say =
    (name: string) =>
    (...values: unknown[]) =>
      void said.push(
        `${name} ${values.map((value) => (typeof value === 'object' ? JSON.stringify(value) : value)).join(' ')}`,
      );
  const engine = {
    configure: say('configure'),
    setVlanCreated: say('engine: created'),
    setUntaggedVlan: say('engine: untagged'),
    setMember: say('engine: member'),
  } as unknown as NativeEngine;
  const watcher = {
    vlanCreated: say('created'),
    vlanRemoved: say('removed'),
    portChanged: (number: number) => said.push(`changed ${number}`),
  };
  ports = new PortTable(8, () => {});
  vlans = new Vlans(engine, ports, watcher, false);
  for (const number of [1, 2]) ports.create(number);
  for (const vlan of [7, 5]) vlans.create(vlan);
  said = [];
});

const refused = (code: string, message: string) => expect.objectContaining({ code, message });
const portOf = (number: number) => {
  const { untaggedVlan, vlans: memberships } = ports.get(number)!;
  return { untaggedVlan, vlans: [...memberships] };
};

describe('VLANs', () => {
  test('are created, listed in order and removed, and each change is told once', () => {
    vlans.create(4094);
    vlans.create(1);
    expect(vlans.list().map(({ number }) => number)).toEqual([0, 1, 5, 7, 4094]);
    vlans.remove(5);
    expect(vlans.list().map(({ number }) => number)).toEqual([0, 1, 7, 4094]);
    expect(said).toEqual([
      'engine: created 4094 true',
      'created 4094',
      'engine: created 1 true',
      'created 1',
      'engine: created 5 false',
      'removed 5',
    ]);
  });

  test.each([0, -1, 4095, 1.5, Number.NaN])('%d cannot be created', (vlan) => {
    expect(() => vlans.create(vlan)).toThrow(refused('EINVAL', `VLAN ${vlan} is not one of 1 to 4094`));
  });

  test('are not created twice, and not removed if they do not exist, have members or are VLAN 0', () => {
    vlans.addPort(7, 2);
    said = [];
    expect(() => vlans.create(5)).toThrow(refused('EEXIST', 'VLAN 5 exists already'));
    expect(() => vlans.remove(6)).toThrow(refused('ENXIO', 'there is no VLAN 6: create it first'));
    expect(() => vlans.remove(-1)).toThrow(refused('EINVAL', 'VLAN -1 is not one of 0 to 4094'));
    expect(() => vlans.remove(0)).toThrow(refused('EADDRINUSE', 'VLAN 0 is the network of every new port'));
    expect(() => vlans.remove(7)).toThrow(refused('EADDRINUSE', 'port 2 is in VLAN 7: take it out first'));
    expect(vlans.list().map(({ number }) => number)).toEqual([0, 5, 7]);
    expect(said).toEqual([]);
  });

  test('know their members, by number', () => {
    vlans.addPort(7, 2);
    vlans.setUntagged(7, 1);
    ports.addEndpoint(1, { id: 1, kind: 'vde', description: '' }, 0);
    expect(vlans.members(7)).toEqual([
      { port: 1, tagged: false, active: true },
      { port: 2, tagged: true, active: false },
    ]);
    expect(vlans.members(0)).toEqual([{ port: 2, tagged: false, active: false }]);
    expect(vlans.members(5)).toEqual([]);
  });

  test('are strict where the switch says so', () => {
    expect(vlans.strict).toBe(false);
    vlans.strict = true;
    expect(vlans.strict).toBe(true);
    expect(said).toEqual(['configure {"strictVlan":true}']);
  });
});

describe('the untagged VLAN of a port', () => {
  test('replaces the one before, also one in which the port was tagged', () => {
    vlans.addPort(7, 1);
    said = [];
    vlans.setUntagged(5, 1);
    expect(portOf(1)).toEqual({ untaggedVlan: 5, vlans: [7, 5] });
    vlans.setUntagged(7, 1);
    expect(portOf(1)).toEqual({ untaggedVlan: 7, vlans: [7] });
    vlans.setUntagged(NO_VLAN, 1);
    expect(portOf(1)).toEqual({ untaggedVlan: NO_VLAN, vlans: [] });
    vlans.setUntagged(0, 1);
    expect(portOf(1)).toEqual({ untaggedVlan: 0, vlans: [0] });
    const told = [5, 7, NO_VLAN, 0].flatMap((vlan) => [`engine: untagged 1 ${vlan}`, 'changed 1']);
    expect(said).toEqual(told);
  });

  test.each([
    [1, 6, 'ENXIO', 'there is no VLAN 6: create it first'],
    [1, 4096, 'EINVAL', 'VLAN 4096 is not one of 0 to 4094'],
    [1, -1, 'EINVAL', 'VLAN -1 is not one of 0 to 4094'],
    [3, 5, 'ENXIO', 'there is no port 3'],
    [3, 6, 'ENXIO', 'there is no port 3'],
    [3, 4096, 'EINVAL', 'VLAN 4096 is not one of 0 to 4094'],
    [9, 4096, 'EINVAL', 'port 9 is not one of 1 to 8'],
  ])('is refused for port %d and VLAN %d with %s', (port, vlan, code, message) => {
    expect(() => vlans.setUntagged(vlan, port)).toThrow(refused(code, message));
    expect([portOf(1), said]).toEqual([{ untaggedVlan: 0, vlans: [0] }, []]);
  });
});

describe('tagged members', () => {
  test('are added and removed, and each change is told', () => {
    vlans.addPort(7, 1);
    vlans.addPort(5, 1);
    vlans.addPort(5, 1);
    expect(portOf(1)).toEqual({ untaggedVlan: 0, vlans: [0, 7, 5] });
    vlans.removePort(7, 1);
    expect(portOf(1)).toEqual({ untaggedVlan: 0, vlans: [0, 5] });
    expect(said.filter((line) => line.startsWith('engine'))).toEqual([
      'engine: member 1 7 true',
      'engine: member 1 5 true',
      'engine: member 1 5 true',
      'engine: member 1 7 false',
    ]);
    expect(said.filter((line) => line === 'changed 1')).toHaveLength(4);
  });

  test('are not made of untagged members, which leave a VLAN only when the port gets another untagged VLAN', () => {
    vlans.addPort(0, 1);
    expect(() => vlans.removePort(0, 1)).toThrow(
      refused('EADDRINUSE', 'VLAN 0 is the untagged VLAN of port 1: set another first'),
    );
    expect([portOf(1), said]).toEqual([{ untaggedVlan: 0, vlans: [0] }, []]);
  });

  test.each([
    [6, 1, 'ENXIO', 'there is no VLAN 6: create it first'],
    [NO_VLAN, 9, 'EINVAL', 'VLAN 4095 is not one of 0 to 4094'],
    [6, 9, 'EINVAL', 'port 9 is not one of 1 to 8'],
    [6, 3, 'ENXIO', 'there is no VLAN 6: create it first'],
    [5, 3, 'ENXIO', 'there is no port 3'],
  ])('in VLAN %d by port %d are refused with %s', (vlan, port, code, message) => {
    for (const change of [() => vlans.addPort(vlan, port), () => vlans.removePort(vlan, port)])
      expect(change).toThrow(refused(code, message));
    expect(said).toEqual([]);
  });
});

describe('a VLAN that a spec asks for', () => {
  test('is created where there is none, and removed again when it is no longer wanted', () => {
    const forget = vlans.ensure(9);
    expect(vlans.list().map(({ number }) => number)).toEqual([0, 5, 7, 9]);
    forget();
    expect(vlans.list().map(({ number }) => number)).toEqual([0, 5, 7]);
  });

  test('stays where it existed before or has members', () => {
    vlans.ensure(7)();
    const forget = vlans.ensure(9);
    vlans.addPort(9, 2);
    forget();
    expect(vlans.list().map(({ number }) => number)).toEqual([0, 5, 7, 9]);
  });

  test('is not removed a second time', () => {
    const forget = vlans.ensure(9);
    vlans.remove(9);
    said = [];
    forget();
    expect(said).toEqual([]);
  });
});

describe('a lent untagged VLAN', () => {
  test('is replaced by the one before at its end', () => {
    vlans.setUntagged(7, 1);
    const restore = vlans.lendUntagged(5, 1);
    expect(ports.get(1)?.untaggedVlan).toBe(5);
    restore();
    expect(portOf(1)).toEqual({ untaggedVlan: 7, vlans: [7] });
  });

  test('is replaced by none where there was none', () => {
    vlans.setUntagged(NO_VLAN, 1);
    vlans.lendUntagged(5, 1)();
    expect(portOf(1)).toEqual({ untaggedVlan: NO_VLAN, vlans: [] });
  });

  test('is replaced by VLAN 0 where the one before was removed meanwhile', () => {
    vlans.setUntagged(7, 1);
    const restore = vlans.lendUntagged(5, 1);
    vlans.remove(7);
    restore();
    expect(portOf(1)).toEqual({ untaggedVlan: 0, vlans: [0] });
    expect(said.slice(-2)).toEqual(['engine: untagged 1 0', 'changed 1']);
  });

  test('is replaced by the one before where that was removed and created again meanwhile', () => {
    vlans.setUntagged(7, 1);
    const restore = vlans.lendUntagged(5, 1);
    vlans.remove(7);
    vlans.create(7);
    restore();
    expect(portOf(1)).toEqual({ untaggedVlan: 7, vlans: [7] });
  });

  test('is left where another was set or the port was removed meanwhile', () => {
    vlans.setUntagged(7, 1);
    const restore = vlans.lendUntagged(5, 1);
    vlans.setUntagged(0, 1);
    restore();
    expect(portOf(1)).toEqual({ untaggedVlan: 0, vlans: [0] });
    const restoreSecond = vlans.lendUntagged(5, 2);
    ports.remove(2);
    expect(restoreSecond).not.toThrow();
  });

  test('is refused where there is no port', () => {
    expect(() => vlans.lendUntagged(5, 3)).toThrow(refused('ENXIO', 'there is no port 3'));
  });
});
