// An engine whose thread stands still is noticed by health checks, metrics, the watchdog, and everything that waits for
// the engine. In these tests a debugger stops the thread.
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const FREEZE = new URL('../support/freeze.py', import.meta.url).pathname;
const LISTEN = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])
print('BOUND', flush=True)
while True: print(s.recv(4096).decode().replace(chr(10), ' '), flush=True)`;

function get(socketPath: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode!, body }));
    })
      .on('error', reject)
      .end();
  });
}

describeWith(['root', 'python3'], 'an engine that stands still', () => {
  test('fails the health checks, stops the watchdog and is logged; when it goes on, so does everything', async () => {
    const home = temporaryDirectory();
    const [metrics, notify] = [`${home}/metrics`, `${home}/notify`];
    const manager = start('python3', ['-c', LISTEN, notify]);
    await manager.output(/BOUND/);
    const env = { ...process.env, NOTIFY_SOCKET: notify, WATCHDOG_USEC: '200000' };
    const { started } = await startTsvde(['--metrics', `unix:${metrics}`], { cwd: home, env });
    const task = `/proc/${started.pid}/task`;
    const engine = readdirSync(task).find((thread) => readFileSync(`${task}/${thread}/comm`, 'utf8') === 'tsvde-engine\n'); // biome-ignore format: a row
    const beats = () => manager.stdout().match(/WATCHDOG=1/g)?.length ?? 0;
    const seconds = (text: string) => Number(/^tsvde_engine_heartbeat_seconds\{.*\} (\S+)$/m.exec(text)![1]);
    await until(() => beats() > 2, 'the watchdog');
    for (const path of ['/healthz', '/readyz']) expect((await get(metrics, path)).status).toBe(200);
    expect(seconds((await get(metrics, '/metrics')).body)).toBe(0);

    const freeze = start('python3', [FREEZE, engine!]);
    await freeze.output(/FROZEN/);
    await until(async () => (await get(metrics, '/healthz')).status === 503, 'a failed health check');
    const before = beats();
    for (const path of ['/healthz', '/readyz'])
      expect(await get(metrics, path)).toEqual({
        status: 503,
        body: expect.stringMatching(/^the engine has not answered for \d+\.\d seconds\n$/),
      });
    const { status, body } = await get(metrics, '/metrics');
    expect([status, seconds(body) > 1, body.includes('tsvde_port')]).toEqual([200, true, false]);
    expect(beats() - before).toBeLessThan(2); // one beat may follow from an answer that the engine gave before it stopped
    started.stdin.write('port/print\n'); // waits for the engine
    await started.output(/the engine has not answered for 2 seconds, and the switch waits for it/);

    freeze.stdin.end();
    await until(() => beats() > before + 2, 'the watchdog again');
    for (const path of ['/healthz', '/readyz']) expect((await get(metrics, path)).status).toBe(200);
    await started.output(/1000 Success/);
  });
});
