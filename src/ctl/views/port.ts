// The view `port N`: everything about one port.
import { constants } from 'node:os';
import { duration, short } from '../../protocol/units.ts';
import { ExitError } from '../../system/exit-error.ts';
import type { AttachmentData, CountersData, MacData, PortData, VlanData } from '../console-data.ts';
import { trafficOf } from '../rates.ts';
import { type Cell, cell, formatTable, type Screen } from '../table.ts';
import { ownersOf, STATE_STYLES, statesOf, vlanName } from './names.ts';
import { defineView } from './view.ts';

interface Sample {
  counters: CountersData;
  port: PortData;
  vlans: VlanData[];
  attachments: AttachmentData[];
  macs: MacData[];
}

export const portView = defineView<Sample>({
  name: 'port',
  syntax: 'N',
  help: 'show port N in detail, with its addresses',
  rates: true,
  async sample(ask, argument) {
    if (!/^\S+$/.test(argument))
      throw new ExitError(constants.errno.EINVAL, 'port takes one port, its number or its name (EINVAL)');
    const [port] = await ask<PortData[]>(`port/allprint ${argument}`);
    const [counters] = await ask<CountersData[]>(`counters ${port!.port}`);
    return {
      counters: counters!,
      port: port!,
      vlans: await ask('vlan/allprint'),
      attachments: await ask('port/attached'),
      macs: await ask('hash/print'),
    };
  },
  show(now, before, seconds) {
    const data = dataOf(now, before, seconds);
    return { data, draw: (screen) => draw(data, screen) };
  },
});

type Data = ReturnType<typeof dataOf>;

function dataOf({ counters, port: found, vlans, attachments, macs }: Sample, before: Sample, seconds: number) {
  const { port, name, untaggedVlan, allocatable, currentUser, user, group, endpoints } = found;
  const isTagged = ({ ports }: VlanData) => ports.some((member) => member.tagged && member.port === port);
  return {
    port,
    name,
    state: statesOf([found], vlans).get(port)!,
    untaggedVlan,
    taggedVlans: vlans.filter(isTagged).map(({ vlan }) => vlan),
    allocatable,
    currentUser,
    user,
    group,
    attachment: ownersOf(attachments).get(port),
    endpoints,
    ...trafficOf(counters, before.counters.port === port ? before.counters : undefined, seconds),
    counters,
    addresses: macs
      .filter((entry) => entry.port === port)
      .map(({ mac, vlan, ageSeconds }) => ({ mac, vlan, ageSeconds })),
  };
}

function draw(data: Data, screen: Screen): string[] {
  return [
    ...drawFacts(data, screen),
    '',
    ...drawTraffic(data, screen),
    ...drawDrops(data, screen),
    ...drawAddresses(data, screen),
  ];
}

function drawFacts(data: Data, screen: Screen): string[] {
  const { port, name, state, untaggedVlan, taggedVlans, attachment, endpoints, allocatable, user, group } = data;
  const reserved = [user && `user ${user}`, group && `group ${group}`].filter(Boolean).join(', ');
  const facts: [string, Cell][] = [
    ['Port', cell(name === undefined ? port : `${port} ${name}`, 'bold')],
    ['State', cell(state, STATE_STYLES[state])],
    ['VLANs', cell([`${vlanName(untaggedVlan)} untagged`, ...taggedVlans].join(', '))],
    ...(attachment === undefined ? [] : [['Attachment', cell(attachment)] as [string, Cell]]),
    ...endpoints.map(({ id, kind, description }): [string, Cell] => ['Endpoint', cell(`${id} ${kind} ${description}`)]),
    ...(data.currentUser === undefined ? [] : [['User', cell(data.currentUser)] as [string, Cell]]),
    ...(reserved === '' ? [] : [['Reserved for', cell(reserved)] as [string, Cell]]),
    ...(allocatable ? [] : [['Allocatable', cell('no: only by number')] as [string, Cell]]),
  ];
  const rows = facts.map(([label, value]) => [cell(label), value]);
  return formatTable([{ heading: '' }, { heading: '', least: 20, wraps: true }], rows, screen).slice(1);
}

function drawTraffic({ rx, tx, counters }: Data, screen: Screen): string[] {
  const row = (label: string, received: number, transmitted: number, style?: 'red') => [
    cell(label),
    cell(short(received), style && received > 0 ? style : undefined),
    cell(short(transmitted), style && transmitted > 0 ? style : undefined),
  ];
  const rows = [
    row('bit/s', rx.bitsPerSecond, tx.bitsPerSecond),
    row('frames/s', rx.framesPerSecond, tx.framesPerSecond),
    row('drops/s', rx.dropsPerSecond, tx.dropsPerSecond, 'red'),
    row('bytes', rx.bytes, tx.bytes),
    row('unicast frames', counters.receiveUnicast, counters.transmitUnicast),
    row('multicast frames', counters.receiveMulticast, counters.transmitMulticast),
    row('broadcast frames', counters.receiveBroadcast, counters.transmitBroadcast),
    [cell('times paused'), cell(short(counters.receivePauses)), cell('')],
    [cell('times stalled'), cell(''), cell(short(counters.transmitStalls))],
    ...(counters.receiveKicks + counters.transmitInterrupts > 0
      ? [[cell('notifications'), cell(short(counters.receiveKicks)), cell(short(counters.transmitInterrupts))]]
      : []),
    [cell('queued frames'), cell(''), cell(`${short(counters.queueFrames)} of ${short(counters.queueLimit)}`)],
  ];
  const columns = [{ heading: 'TRAFFIC' }, { heading: 'RX', right: true }, { heading: 'TX', right: true }] as const;
  return formatTable(columns, rows, screen);
}

function drawDrops({ counters: { receiveDrops, transmitDrops } }: Data, screen: Screen): string[] {
  const drops = [...Object.entries(receiveDrops), ...Object.entries(transmitDrops)].filter(([, count]) => count > 0);
  if (drops.length === 0) return [];
  const reasons = [...new Set(drops.map(([reason]) => reason))];
  const count = (counts: Record<string, number>, reason: string) => cell(counts[reason] ? short(counts[reason]) : '');
  const rows = reasons.map((reason) => [
    cell(reason, 'yellow'),
    count(receiveDrops, reason),
    count(transmitDrops, reason),
  ]);
  const columns = [{ heading: 'DROPPED' }, { heading: 'RX', right: true }, { heading: 'TX', right: true }] as const;
  return ['', ...formatTable(columns, rows, screen)];
}

function drawAddresses({ addresses }: Data, screen: Screen): string[] {
  if (addresses.length === 0) return [];
  const rows = addresses.map(({ mac, vlan, ageSeconds }) => [cell(mac), cell(vlan), cell(duration(ageSeconds))]);
  const columns = [{ heading: 'ADDRESS' }, { heading: 'VLAN', right: true }, { heading: 'AGE', right: true }] as const;
  return ['', ...formatTable(columns, rows, screen)];
}
