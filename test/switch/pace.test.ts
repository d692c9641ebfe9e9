// Drops, latency and CPU: a full reader pauses only its own senders, for a moment; the control plane delays no frame;
// and the engine runs on the CPU it is given.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Switch } from '../../src/index.ts';
import { frame, network } from '../support/network.ts';
import { run, tsvde } from '../support/process.ts';
import { JOIN, python } from '../support/python.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const [A, B, C, D] = ['02:00:00:00:00:0a', '02:00:00:00:00:0b', '02:00:00:00:00:0c', '02:00:00:00:00:0d'] as const;

/** Python code: join(directory, number) returns the connected data socket of a new client. */
const CLIENTS = `${JOIN}
import os, time
streams = []
def join(directory, number):
    path = f'{directory}/.p{os.getpid()}-{number}'
    data = data_socket(path)
    stream, reply = ask(f'{directory}/ctl', path)
    data.connect(address_in(reply))
    os.unlink(path)
    streams.append(stream)
    return data
mac = lambda text: bytes.fromhex(text.replace(':', ''))
`;

test('a stopped reader pauses only its own sender, once, and does not delay a frame between others', async () => {
  const { sw, directory, join } = await network({ pacingMs: 100, queueFrames: 32 });
  const [a, c, d] = [await join(), await join(), await join()];
  const reader = await python(`${CLIENTS}
end = join('${directory}', 0)
end.send(b'\\xff' * 6 + mac('${B}') + b'\\x88\\xb5' + bytes(46))
print('here', flush=True)
time.sleep(60)`);
  await reader.output(/here/);
  c.send(frame('ff:ff:ff:ff:ff:ff', C));
  await until(() => sw.macs.stats().entries === 2, 'both addresses');
  reader.signal('SIGSTOP');
  const port = (number: number) => sw.counters().find((row) => row.port === number)!;

  let sent = 0;
  await until(() => {
    while (sent < 1200 && a.plug.send(frame(B, A, 1000))) sent++;
    return port(1).receivePauses > 0n;
  }, 'a paused sender');
  const [, , , stopped] = sw.counters();
  // There are no drops before the bound of 100 ms.
  if (stopped!.transmitStalls === 0n) expect(stopped!.transmitDrops.queue_full).toBe(0n);
  d.send(frame(C, D, 60, 7));
  await c.receives(frame(C, D, 60, 7));

  await until(() => port(4).transmitStalls === 1n, 'the bound');
  await until(() => {
    while (sent < 1200 && a.plug.send(frame(B, A, 1000))) sent++;
    return sent === 1200 && port(1).receiveUnicast === 1200n;
  }, 'every frame to be read');
  expect(port(4).transmitUnicast + port(4).transmitDrops.queue_full!).toBe(1200n);
  expect(port(1).receivePauses).toBe(1n);
  expect(port(4).transmitStalls).toBe(1n);
  reader.signal('SIGCONT');
});

test('a control plane blocked for half a second delays no frame', async () => {
  const { directory } = await network();
  const program = await python(`${CLIENTS}
a, b = join('${directory}', 0), join('${directory}', 1)
for end in a, b: end.settimeout(10)
a.send(b'\\xff' * 6 + mac('${A}') + b'\\x88\\xb5' + bytes(46))
b.recv(2000)
b.send(mac('${A}') + mac('${B}') + b'\\x88\\xb5' + bytes(46))
a.recv(2000)
began = now = time.monotonic()
print('going', flush=True)
count = slowest = 0
while now < began + 1:
    a.send(mac('${B}') + mac('${A}') + b'\\x88\\xb5' + struct.pack('=Q', count) + bytes(38))
    assert struct.unpack_from('=Q', b.recv(2000), 14)[0] == count
    before, now = now, time.monotonic()
    slowest = max(slowest, now - before)
    count += 1
print(f'took {began} {now} {slowest} {count}', flush=True)`);
  await program.output(/going/);
  const blockedFrom = Number(process.hrtime.bigint()) / 1e9;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  const blockedTo = Number(process.hrtime.bigint()) / 1e9;
  const [, ...words] = await program.output(/took (\S+) (\S+) (\S+) (\S+)/, 15_000);
  const [began, ended, slowest, count] = words.map(Number) as [number, number, number, number];
  expect(began).toBeLessThan(blockedFrom);
  expect(ended).toBeGreaterThan(blockedTo);
  expect(count).toBeGreaterThan(100);
  expect(slowest).toBeLessThan(0.45); // a frame that waited for the control plane would have taken half a second
});

test('--cpu keeps the engine on one CPU, and the error for an invalid CPU names those allowed', async () => {
  const { started } = await startTsvde(['--cpu', '0', '--busy-poll', '50', '--pacing', '5']);
  const allowed = readdirSync(`/proc/${started.pid}/task`)
    .map((task) => readFileSync(`/proc/${started.pid}/task/${task}/status`, 'utf8'))
    .filter((status) => status.startsWith('Name:\ttsvde-engine'))
    .map((status) => /Cpus_allowed_list:\s*(\S+)/.exec(status)?.[1]);
  expect(allowed).toEqual(['0']);
  expect(await run(tsvde, ['--cpu', '1000', '--sock', '/nowhere'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^tsvde: the engine cannot run on CPU 1000: Invalid argument; it may on \d/),
  });
});

test('with busy polling by auto, a burst of frames is forwarded, and a quiet switch uses no CPU', async () => {
  const { started, directory } = await startTsvde(['--busy-poll', 'auto']);
  const engine = readdirSync(`/proc/${started.pid}/task`)
    .map((task) => `/proc/${started.pid}/task/${task}`)
    .find((task) => readFileSync(`${task}/comm`, 'utf8') === 'tsvde-engine\n')!;
  const cpuNanoseconds = () => Number(readFileSync(`${engine}/schedstat`, 'utf8').split(' ')[0]);
  const program = await python(`${CLIENTS}
a, b = join('${directory}', 0), join('${directory}', 1)
for end in a, b: end.settimeout(10)
a.send(b'\\xff' * 6 + mac('${A}') + b'\\x88\\xb5' + bytes(46))
b.recv(2000)
for i in range(2000):
    a.send(mac('${B}') + mac('${A}') + b'\\x88\\xb5' + struct.pack('=Q', i) + bytes(38))
    assert struct.unpack_from('=Q', b.recv(2000), 14)[0] == i
print('done', flush=True)
time.sleep(60)`);
  await program.output(/done/);
  // Requests of the control plane may wake the engine; each takes some microseconds.
  let before = cpuNanoseconds();
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const used = cpuNanoseconds() - before;
    before += used;
    return used < 1_000_000;
  }, 'half a second with less than a millisecond of CPU time');
});

test.each([
  [{ pacingMs: 1001 }, 'pacing is given in milliseconds, 0 to 1000, not 1001'],
  [{ pacingMs: -1 }, 'pacing is given in milliseconds, 0 to 1000, not -1'],
  [{ busyPollUs: 0.5 }, "busy polling is given by 'auto' or in microseconds, 0 to 1000000, not 0.5"],
  [{ cpu: 5000 }, 'the CPU is given by its number, 0 to 1023, not 5000'],
])('the options %j are refused', (options, message) => {
  expect(() => new Switch(options)).toThrow(expect.objectContaining({ code: 'EINVAL', message }));
});
