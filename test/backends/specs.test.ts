// Specs in QEMU's spelling: those that are parsed, the sentence of each refusal, and that a refusal changes nothing.
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { kinds, parsePortRequest, portHelp } from '../../src/backends/kinds.ts';
import { parsePortSpec } from '../../src/protocol/port-spec.ts';
import { serveConsole } from '../support/console.ts';
import { describeWith } from '../support/needs.ts';
import { network } from '../support/network.ts';
import { run, tsvde } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';

const pairsOf = (spec: string) => parsePortSpec(spec).pairs;

describe('a spec', () => {
  test.each([
    ['tap', 'tap', []],
    ['type=tap,ifname=a', 'tap', [['ifname', 'a']]],
    ['tap,ifname=a,,b', 'tap', [['ifname', 'a,b']]],
    ['tap,ifname=a,,,vlan=1', 'tap', [['ifname', 'a,'], ['vlan', '1']]], // biome-ignore format: a row a line
    ['stream,addr.type=unix,addr.path=/a=b', 'stream', [['addr.type', 'unix'], ['addr.path', '/a=b']]], // biome-ignore format: a row a line
    ['user,hostfwd=tcp::1-:2,hostfwd=tcp::3-:4', 'user', [['hostfwd', 'tcp::1-:2'], ['hostfwd', 'tcp::3-:4']]], // biome-ignore format: a row a line
    ['tap,ifname=', 'tap', [['ifname', '']]],
  ] as const)('`%s` is parsed', (spec, kind, pairs) => {
    expect(parsePortSpec(spec)).toEqual({ kind, pairs, help: false });
  });

  test.each([
    ['', /names no kind of port/],
    [',ifname=a', /names no kind of port/],
    ['ifname=a', /names no kind of port/],
    ['tap,ifname', /'ifname' has no value: write ifname=…/],
    ['tap,,', /there is no kind of port 'tap,'/],
    ['tap,', /nothing between two commas/],
    ['tab', /there is no kind of port 'tab'; did you mean 'tap'\?/],
    ['zebra', /there is no kind of port 'zebra'; there are .*tap/],
    ['tap,ifnam=a', /tap has no key 'ifnam'; did you mean 'ifname'\?/],
    ['tap,switchprt=3', /tap has no key 'switchprt'; did you mean 'switchport'\?/],
    ['tap,constructor=a', /tap has no key 'constructor'; --port tap,help lists its keys/],
    ['tap,switchport=0', /tap: switchport is '0': it must be a number from 1 to 65535/],
    ['tap,switchport=65536', /switchport is '65536'/],
    ['tap,vlan=4095', /tap: vlan is '4095': it must be a number from 0 to 4094/],
    ['tap,vlan=-1', /vlan is '-1'/],
    ['tap,vlan=1.5', /vlan is '1.5'/],
    ['tap,id=7', /tap: id is '7': it must be a letter/],
    ['tap,id=a,id=b', /tap: id is given twice/],
  ])('`%s` is refused with a sentence', (spec, sentence) => {
    expect(() => parsePortRequest(spec)).toThrow(sentence);
    expect(() => parsePortRequest(spec)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  test('the help lists every kind, and the help of a kind lists its keys', () => {
    const all = portHelp('help')!;
    for (const { name, keys } of kinds) {
      expect(all).toMatch(new RegExp(`^ {2}${name} `, 'm'));
      const help = portHelp(`${name},help`)!;
      for (const key of [...Object.keys(keys), 'id', 'switchport', 'vlan']) expect(help).toContain(`  ${key}=`);
    }
    expect(pairsOf('tap,help')).toEqual([]);
    expect(portHelp('tap')).toBeUndefined();
  });
});

test('tsvde prints the help for --port help and --port KIND,help', async () => {
  const all = await run(tsvde, ['--port', 'help']);
  expect(all).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Kinds of port.*\n {2}tap /) });
  const one = await run(tsvde, ['--port', 'tap,help']);
  expect(one).toMatchObject({ code: 0, stdout: expect.stringMatching(/ifname=.*switchport=/s) });
});

test('a spec that cannot be opened stops the start with a sentence and leaves nothing behind', async () => {
  const home = temporaryDirectory();
  const directory = `${home}/ctl`;
  const wrong = await run(tsvde, ['-s', directory, '--port', 'tap,ifnam=a']);
  expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining("--port: tap has no key 'ifnam'") });
  const failing = await run(tsvde, ['-s', directory, '--port', `tap,ifname=${'x'.repeat(16)}`]);
  expect(failing).toMatchObject({ code: 1, stderr: expect.stringContaining('at most 15 bytes') });
  expect(execFileSync('ls', ['-A', home], { encoding: 'utf8' })).toBe('');
});

describeWith(['root', 'tun', 'ip'], 'a TAP by a spec', () => {
  const name = `tsv-p${process.pid % 100_000}`;
  const taps = () => execFileSync('ip', ['-br', 'link'], { encoding: 'utf8' });

  test('a TAP reserves its port, joins its VLAN and gives both back', async () => {
    const net = await network();
    const attached = await net.sw.attach(`tap,ifname=${name},id=host,switchport=5,vlan=7`);
    expect(attached).toMatchObject({ id: 'host', kind: 'tap', ports: [5] });
    expect(net.sw.ports.get(5)).toMatchObject({
      active: true,
      attachment: 'host',
      untaggedVlan: 7,
      endpoints: [{ kind: 'tap', attachment: 'host', description: name }],
    });
    expect(net.sw.vlans.list().map(({ number }) => number)).toEqual([0, 7]);
    await expect(net.join({ port: 5 })).rejects.toThrow(/refused/);
    await expect(net.sw.attach(`tap,ifname=${name}b,switchport=5`)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(taps()).toContain(name);

    await net.sw.detach(5);
    expect(taps()).not.toContain(name);
    expect(net.sw.ports.get(5)).toMatchObject({ active: false, attachment: undefined, untaggedVlan: 0 });
    await net.join({ port: 5 });
  });

  test('the console attaches and detaches a TAP, and a refusal is an errno and changes nothing', async () => {
    const net = await network();
    const served = await serveConsole(net);
    const console = await served.connect();
    expect(await console.ask(`port/attach tap,ifname=${name},id=a`)).toContain('1000 Success');
    expect(await console.ask('port/attached')).toContain(`a ports=0001 tap,ifname=${name},id=a`);
    expect(await console.ask('port/print')).toMatch(new RegExp(`module tuntap +: ${name}`));
    const before = [net.sw.ports.list(), net.sw.vlans.list()];
    expect(await console.ask('port/attach tap,id=a')).toContain('1017 File exists');
    expect(await console.ask(`port/attach tap,ifname=${'x'.repeat(16)},vlan=9,switchport=9`)).toContain('1022 ');
    expect(await console.ask('port/attach tap,ifname=lo,vlan=9,switchport=9')).toContain('1005 ');
    expect(await console.ask('port/attach')).toContain('1022 ');
    expect([net.sw.ports.list(), net.sw.vlans.list()]).toEqual(before);
    expect(net.log.join('\n')).toContain('at most 15 bytes');
    expect(await console.ask('port/detach 2')).toContain('1006 ');
    expect(await console.ask('port/detach b')).toContain('1006 ');
    expect(await console.ask('port/detach a')).toContain('1000 Success');
    expect(await console.ask('port/attached')).not.toContain('tap');
    expect(taps()).not.toContain(name);
  });

  test('a TAP whose interface is deleted is detached, and its id is free again', async () => {
    const net = await network();
    await net.sw.attach(`tap,ifname=${name}`);
    execFileSync('ip', ['link', 'del', name]);
    await expect.poll(() => net.sw.attachments()).toEqual([]);
    expect(net.log.join()).toContain(`tap0: port 1: ${name} can no longer be used and is closed`);
    expect(await net.sw.attach(`tap,ifname=${name}`)).toMatchObject({ id: 'tap0', ports: [1] });
  });

  test('closing the switch while a TAP is being attached leaves no TAP', async () => {
    const net = await network();
    const attaching = net.sw.attach(`tap,ifname=${name},id=t`);
    expect(taps()).toContain(name); // the TAP exists, but attach() has not resolved
    const told = expect(attaching).rejects.toMatchObject({
      code: 'ENODEV',
      message: 't was detached before it was open',
    });
    await net.sw.close();
    expect(taps()).not.toContain(name);
    await told;
    expect(net.sw.attachments()).toEqual([]);
    await expect(net.sw.attach('tap')).rejects.toMatchObject({ code: 'ENODEV', message: 'the switch is closed' });
  });
});
