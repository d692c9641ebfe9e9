// The port kind vhost-user: its socket, its clients and its error messages. The engine's tests and test/e2e move
// frames.
import { existsSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, network, Recorder } from '../support/network.ts';
import { start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const GET_FEATURES = Buffer.from('010000000100000000000000', 'hex');

async function listening(keys = '') {
  const net = await network();
  const path = `${temporaryDirectory()}/v`;
  await net.sw.attach(`vhost-user,id=v,server=on,path=${path}${keys}`);
  const ports = () => net.sw.attachments()[0]!.ports;
  const dial = () => {
    const peer = connect(path);
    atEnd(() => peer.destroy());
    let reply = '';
    let closed = false;
    peer.on('data', (bytes) => {
      reply += bytes.toString('hex');
    });
    peer
      .on('error', () => {})
      .on('close', () => {
        closed = true;
      });
    return { peer, reply: () => reply, closed: () => closed };
  };
  return { net, path, ports, dial };
}

test('each guest has a port while it is connected, and its questions are answered', async () => {
  const { net, path, ports, dial } = await listening(',max-clients=2');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const guests = [dial(), dial()];
  await until(() => ports().length === 2, 'two ports');
  for (const guest of guests) {
    guest.peer.write(GET_FEATURES);
    await until(() => guest.reply().length === 40, 'the features');
    expect(guest.reply()).toBe('01000000050000000800000083bb00700900c001');
  }
  const third = dial();
  await until(() => third.closed(), 'the refusal of a third guest');
  guests[0]!.peer.destroy();
  await until(() => ports().length === 1, 'one port');
  await net.sw.detach('v');
  await until(() => guests[1]!.closed(), 'the end of the other guest');
  expect(existsSync(path)).toBe(false);
});

test('a guest that breaks the protocol is disconnected, and the others stay', async () => {
  const { net, ports, dial } = await listening(',offload=off');
  const [good, bad] = [dial(), dial()];
  await until(() => ports().length === 2, 'two ports');
  bad.peer.write(Buffer.alloc(12, 0xff));
  await until(() => bad.closed(), 'the end of the bad one');
  expect(net.log.join('\n')).toMatch(
    /v: port 2: pid \d+, uid \d+ disconnected: a message is not a request of protocol version 1/,
  );
  expect(net.sw.endpointEnds()).toEqual([{ kind: 'vhost-user', reason: 'bad_version', count: 1 }]);
  expect(net.sw.guests()).toEqual([{ port: 1, endpoint: 1, features: '0x0', memoryBytes: 0 }]);
  good.peer.write(GET_FEATURES);
  await until(() => good.reply().length === 40, 'the features');
  expect(good.reply()).toBe('01000000050000000800000083bb00700900c001');
  expect(ports().length).toBe(1);
});

test('a connecting port finds a front end that starts later, and again after each end, on the same port', async () => {
  const net = await network();
  const path = `${temporaryDirectory()}/v`;
  const opening = net.sw.attach(`vhost-user,id=v,path=${path},reconnect-ms=20`);
  await until(() => net.log.length > 0, 'the first failure');
  const peers: Socket[] = [];
  const server = createServer((peer) => peers.push(peer.on('error', () => {}))).listen(path);
  atEnd(() => server.close());
  await opening;
  for (let connection = 1; connection <= 3; connection++) {
    const peer = await until(() => peers[connection - 1], `connection ${connection}`);
    let reply = '';
    peer.on('data', (bytes) => {
      reply += bytes.toString('hex');
    });
    peer.write(GET_FEATURES);
    await until(() => reply.length === 40, 'the features');
    expect(net.sw.attachments()[0]).toMatchObject({
      ports: [1],
      stats: { connections: 1, reconnects: connection - 1 },
    });
    if (connection === 3) break;
    if (connection === 1) peer.destroy();
    else peer.write(Buffer.alloc(12, 0xff));
  }
  expect(net.log.join('\n')).toMatch(/cannot connect to .*v: .*; trying again\n/);
  expect(net.log.join('\n')).toMatch(
    /the connection to .*v has ended: a message is not a request of protocol version 1/,
  );
  await net.sw.detach('v');
  await until(() => peers[2]!.closed, 'the end');
});

test('with reconnect-ms=0, the front end must listen, and its end detaches the port', async () => {
  const net = await network();
  const path = `${temporaryDirectory()}/v`;
  const spec = `vhost-user,path=${path},reconnect-ms=0`;
  await expect(net.sw.attach(spec)).rejects.toThrow(`cannot connect to ${path}: No such file or directory`);
  const server = createServer((peer) => peer.on('error', () => {}).end()).listen(path);
  atEnd(() => server.close());
  await net.sw.attach(spec);
  await until(() => net.sw.attachments().length === 0, 'the end of the attachment');
});

test('invalid keys are refused with a reason', async () => {
  const { sw } = await network();
  await expect(sw.attach('vhost-user,path=/tmp/none,mode=600')).rejects.toThrow('mode goes only with server=on');
  await expect(sw.attach('vhost-user,server=on,path=/a,reconnect-ms=1')).rejects.toThrow(
    'reconnect-ms goes only with server=off',
  );
  await expect(sw.attach('vhost-user,server=on')).rejects.toThrow('path');
  await expect(sw.attach('vhost-user,server=on,path=/a,seal=maybe')).rejects.toThrow('require');
});

describeWith(['python3'], 'the memory of a front end', () => {
  const frontEnd = (path: string) =>
    start('python3', [fileURLToPath(new URL('../support/vhost-front-end.py', import.meta.url)), path]);

  test('a front end that truncates its memory ends alone, and the switch goes on', async () => {
    const home = temporaryDirectory();
    const { started, directory } = await startTsvde(['--port', `vhost-user,id=v,path=${home}/v,server=on`]);
    const [a, b] = [await Recorder.join(directory), await Recorder.join(directory)];
    const peer = frontEnd(`${home}/v`);
    await a.receives(frame(BROADCAST, '02:00:00:00:00:aa'));
    peer.stdin.write('truncate\n');
    await peer.output(/closed/);
    await started.output(/v: port 3: pid \d+, uid \d+ disconnected: memory was truncated while it was in use/);
    const one = frame(BROADCAST, '02:00:00:00:00:bb', 100);
    a.send(one);
    await b.receives(one);
  });

  test('seal=require refuses memory that can be truncated', async () => {
    const { net, path } = await listening(',seal=require');
    await frontEnd(path).output(/closed/);
    await until(() => net.log.join().includes('no seal that prevents it from shrinking'), 'the reason');
    expect(net.sw.endpointEnds()).toEqual([{ kind: 'vhost-user', reason: 'memory_can_shrink', count: 1 }]);
  });
});
