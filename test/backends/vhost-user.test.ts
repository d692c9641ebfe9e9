// The port kind vhost-user: its socket, its clients and its error messages. The engine's tests and test/e2e move frames.
import { existsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { network } from '../support/network.ts';
import { temporaryDirectory } from '../support/temporary.ts';
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
  good.peer.write(GET_FEATURES);
  await until(() => good.reply().length === 40, 'the features');
  expect(good.reply()).toBe('0100000005000000080000000080007009000000');
  expect(ports().length).toBe(1);
});

test('invalid keys, and connecting, are refused with a reason', async () => {
  const { sw } = await network();
  await expect(sw.attach('vhost-user,path=/tmp/none')).rejects.toThrow('only server=on is implemented');
  await expect(sw.attach('vhost-user,server=on')).rejects.toThrow('path');
  await expect(sw.attach('vhost-user,server=on,path=/a,seal=maybe')).rejects.toThrow('require');
});
