// contrib/ as Prometheus and Grafana use it: the alerts against written series, and every expression of the dashboard
// against a Prometheus that scrapes a running switch.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { run, start } from '../support/process.ts';
import { phrases } from '../support/readme.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';
import { until } from '../support/wait.ts';

const contrib = fileURLToPath(new URL('../../contrib/', import.meta.url));
const A = '02:00:00:00:00:0a';

describeWith(['promtool'], 'the alerts', () => {
  test('promtool accepts the rules, and each alert fires when it should', async () => {
    const rules = `${contrib}prometheus/tsvde.rules.yml`;
    expect(await run('promtool', ['check', 'rules', rules])).toMatchObject({ code: 0 });
    const tests = fileURLToPath(new URL('rules.yml', import.meta.url));
    const { code, stdout, stderr } = await run('promtool', ['test', 'rules', tests]);
    expect(stdout + stderr).toContain('SUCCESS');
    expect(code).toBe(0);
    const alerts = (text: string, key: string) =>
      [...text.matchAll(new RegExp(`${key}: (\\w+)`, 'g'))].map(([, a]) => a);
    const tested = new Set(alerts(readFileSync(tests, 'utf8'), 'alertname'));
    expect(alerts(readFileSync(rules, 'utf8'), 'alert').filter((name) => !tested.has(name))).toEqual([]);
  });
});

interface Panel {
  title: string;
  targets?: { expr: string }[];
}

/**
 * The dashboard's expressions, for every switch and port, over the shortest interval that works with one scrape per
 * second.
 */
function expressions(): string[] {
  const { panels } = JSON.parse(readFileSync(`${contrib}grafana/tsvde.json`, 'utf8')) as { panels: Panel[] };
  return panels
    .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll('$__rate_interval', '4s').replace(/\$(switch|port)\b/g, '.*'));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describeWith(['prometheus'], 'the dashboard', () => {
  test('every expression has data for a running switch', async () => {
    const { started, directory, home } = await startTsvde([
      '--name',
      'lab',
      '--metrics',
      '0',
      '--port',
      'user,id=net,switchport=1',
      '--port',
      `stream,id=out,addr.type=unix,addr.path=${temporaryDirectory()}/nobody`,
      '--port',
      `stream,id=in,server=on,addr.type=unix,addr.path=${temporaryDirectory()}/guests`,
    ]);
    const [, address] = await started.output(/metrics on http:\/\/(\S+)\/metrics/);
    const a = await Recorder.join(directory, { port: 9, description: 'name=web' });
    const listen = `127.0.0.1:${await freePort()}`;
    const config = `${home}/prometheus.yml`;
    writeFileSync(
      config,
      `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ['${contrib}prometheus/tsvde.rules.yml']
scrape_configs:
  - job_name: tsvde
    static_configs: [{ targets: ['${address}'] }]
`,
    );
    const server = start('prometheus', [
      `--config.file=${config}`,
      `--storage.tsdb.path=${home}/data`,
      `--web.listen-address=${listen}`,
    ]);
    await server.output(/Server is ready to receive web requests/, 30_000);

    const ask = async (expression: string) => {
      const query = new URLSearchParams({ query: expression });
      const response = await fetch(`http://${listen}/api/v1/query?${query}`);
      const { status, error, data } = (await response.json()) as {
        status: string;
        error?: string;
        data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
      };
      expect(`${status} ${error ?? ''}`, expression).toBe('success ');
      return data!.result;
    };
    const all = expressions();
    expect(all.length).toBeGreaterThan(30);
    const without = async () => {
      a.send(frame(BROADCAST, A, 200));
      a.send(frame(A, A, 60));
      const results = await Promise.all(all.map(ask));
      return all.filter((_, i) => results[i]!.length === 0);
    };
    let missing: string[] = all;
    await until(
      async () => {
        missing = await without();
        return missing.length === 0;
      },
      () => `data for\n${missing.join('\n')}`,
      20_000,
    );
    const [join, ...others] = phrases(/group_left/);
    expect(others).toEqual([]);
    expect((await ask(join!)).map(({ metric: { name } }) => name)).toContain('web');
    let named: Awaited<ReturnType<typeof ask>> = [];
    await until(
      async () => {
        a.send(frame(BROADCAST, A, 200));
        named = await ask(
          'rate(tsvde_port_receive_bytes_total[4s]) * on(switch, port) group_left(name) tsvde_port_info',
        );
        return Number(named.find(({ metric }) => metric.name === 'web')?.value[1]) > 0;
      },
      'a rate with the name of its port',
      20_000,
    );
    expect(named.map(({ metric: { port, name } }) => [port, name])).toContainEqual(['9', 'web']);
    const rules = (await (await fetch(`http://${listen}/api/v1/rules`)).json()) as {
      data: { groups: { rules: { name: string; health: string }[] }[] };
    };
    expect(rules.data.groups[0]!.rules.map(({ health }) => health)).not.toContain('err');
    await server.stop();
  }, 90_000);
});
