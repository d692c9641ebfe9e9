// Tests the extcap program, contrib/wireshark/tsvde, by itself and with Wireshark's own programs.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { BROADCAST, frame, Recorder } from '../support/network.ts';
import { readPcapng } from '../support/pcapng.ts';
import { run, start, tsvde, tsvdectl } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const PROGRAM = fileURLToPath(new URL('../../contrib/wireshark/tsvde', import.meta.url));
const FIRST = '02:00:00:00:00:01';

/** The option that lets a user other than the switch's own capture frames. */
const SEE = ['--mgmt-level', 'see'];

/** Starts a named switch in a process of its own, so that extcap finds it. */
async function switchNamed(name: string) {
  const home = temporaryDirectory();
  const child = start(tsvde, [
    '--sock',
    `${home}/ctl`,
    '--mgmt',
    `${home}/mgmt`,
    '--name',
    name,
    '--numports',
    '4',
    ...SEE,
  ]);
  const join = (port: number, description = '') => Recorder.join(`${home}/ctl`, { port, description });
  await until(
    () =>
      join(4).then(
        (recorder) => recorder.plug.close() ?? true,
        () => false,
      ),
    'the switch',
  );
  return { home, child, join };
}

const extcap = (...words: string[]) =>
  run(PROGRAM, words, { env: { ...process.env, PATH: `${dirname(tsvdectl)}${delimiter}${process.env.PATH}` } });

test('interfaces, link types and options are answered as extcap(4) describes', async () => {
  const { join } = await switchNamed('lab-one');
  await join(3, 'name=web{x}');
  await join(2, 'a {guest}');
  const { stdout: interfaces } = await extcap('--extcap-interfaces', '--extcap-version=4.0');
  expect(interfaces).toMatch(/^extcap \{version=[\d.]+\}\{display=tsvde\}$/m);
  expect(interfaces).toMatch(/^interface \{value=tsvde-lab-one\}\{display=the switch lab-one\}$/m);
  const one = ['--extcap-interface', 'tsvde-lab-one'];
  expect((await extcap(...one, '--extcap-dlts')).stdout).toBe('dlt {number=1}{name=EN10MB}{display=Ethernet}\n');
  const { stdout: options } = await extcap(...one, '--extcap-config');
  for (const line of options.trim().split('\n')) expect(line).toMatch(/^(arg|value) (\{\w+=[^{}]*\})+$/);
  expect(options).toMatch(/^arg \{number=0\}\{call=--port\}.*\{type=multicheck\}/m);
  expect(options).toMatch(/^value \{arg=0\}\{value=2\}\{display=2 a _guest_\}$/m);
  expect(options).toMatch(/^value \{arg=0\}\{value=3\}\{display=3/m);
});

test('an interface that does not exist is refused, and so is a call without a question', async () => {
  await switchNamed('lab-two');
  expect(await extcap('--extcap-interface', 'tsvde-none', '--extcap-dlts')).toMatchObject({
    code: 255,
    stderr: "tsvdectl: extcap: there is no interface 'tsvde-none': no such switch runs\n",
  });
  const one = ['--extcap-interface', 'tsvde-lab-two'];
  expect((await extcap(...one)).stderr).toContain('extcap: Wireshark runs this program');
  expect((await extcap(...one, '--capture')).stderr).toContain('--capture needs --fifo');
  expect((await extcap(...one, '--wrong')).code).toBe(255);
});

describeWith(['tcpdump', 'mkfifo'], 'extcap', () => {
  test('checks a filter, and captures into a pipe until it gets a signal', async () => {
    const { home, join } = await switchNamed('lab-three');
    const one = ['--extcap-interface', 'tsvde-lab-three'];
    expect((await extcap(...one, '--extcap-capture-filter', 'tcp port 80')).stdout).toBe('');
    expect((await extcap(...one, '--extcap-capture-filter', 'tcp prot 80')).stdout).toContain('the filter is refused');
    const fifo = `${home}/fifo`;
    execFileSync('mkfifo', [fifo]);
    const reader = start('cat', [fifo]);
    const pieces: Buffer[] = [];
    reader.onStdout((piece) => pieces.push(Buffer.from(piece)));
    const words = [
      ...one,
      '--capture',
      '--fifo',
      fifo,
      '--port',
      '1',
      '--direction',
      'rx',
      '--extcap-capture-filter',
      'len = 70',
    ];
    const child = start(tsvdectl, ['extcap', ...words]);
    const [a, b] = [await join(1), await join(2)];
    await until(
      async () => {
        a.send(frame(BROADCAST, FIRST, 70));
        a.send(frame(BROADCAST, FIRST, 71));
        b.send(frame(BROADCAST, FIRST, 70));
        await new Promise((resolve) => setTimeout(resolve, 20));
        return Buffer.concat(pieces).length > 300;
      },
      'a frame',
      15_000,
    );
    child.signal('SIGTERM');
    expect(await child.exited).toEqual({ code: 0, signal: null });
    await reader.exited;
    const { packets } = readPcapng(Buffer.concat(pieces));
    expect(packets.length).toBeGreaterThan(0);
    expect(
      packets.every(({ port, bytes, direction }) => port === 'port 1' && bytes.length === 70 && direction === 1),
    ).toBe(true);
  });
});

/** As root, Wireshark ignores WIRESHARK_EXTCAP_DIR, so another user runs it. */
const asNobody = process.geteuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];

describeWith(['tshark', 'setpriv'], "Wireshark's own program", () => {
  test('lists the switch, and captures from it', async () => {
    const { home, join } = await switchNamed('lab-four');
    chmodSync(home, 0o755);
    chmodSync(`${home}/mgmt`, 0o666);
    // Wireshark 4.2 and newer read the personal directory; older ones only the directory of the variable.
    const personal = `${home}/.local/lib/wireshark/extcap`;
    mkdirSync(personal, { recursive: true });
    symlinkSync(PROGRAM, `${personal}/tsvde`);
    const path = `${dirname(tsvdectl)}${delimiter}${process.env.PATH}`;
    const env = { ...process.env, HOME: home, WIRESHARK_EXTCAP_DIR: personal, PATH: path };
    const tshark = (...words: string[]) => {
      const [command = '', ...rest] = [...asNobody, 'tshark', ...words];
      return run(command, rest, { env });
    };
    expect((await tshark('-D')).stdout).toMatch(/^\d+\. tsvde-lab-four \(the switch lab-four\)$/m);
    const capturing = tshark('-i', 'tsvde-lab-four', '-c', '3', '-T', 'fields', '-e', 'frame.len');
    const a = await join(1);
    let ended = false;
    void capturing.then(() => {
      ended = true;
    });
    await until(
      async () => {
        if (!ended) a.send(frame(BROADCAST, FIRST, 70));
        await new Promise((resolve) => setTimeout(resolve, 20));
        return ended;
      },
      'three frames',
      15_000,
    );
    expect(await capturing).toMatchObject({ code: 0, stdout: '70\n70\n70\n' });
  }, 40_000);
});
