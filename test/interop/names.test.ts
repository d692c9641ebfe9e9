// The console clients under vde2's names: tsvde's compared with Debian's, on both switches.
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { atEnd } from '../support/at-end.ts';
import { consoles } from '../support/consoles.ts';
import { describeWith } from '../support/needs.ts';
import { compat, run, start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { until } from '../support/wait.ts';

const KINDS = Object.keys(consoles) as (keyof typeof consoles)[];
const SCRIPT = '/etc/vde2/vdecmd';
const [vdecmd, unixcmd, unixterm, vdeterm] = ['vdecmd', 'unixcmd', 'unixterm', 'vdeterm'].map(compat) as [
  string,
  string,
  string,
  string,
];

describeWith(['unixcmd'], 'vdecmd of programs', () => {
  test("the commands of openQA succeed, and so does picoTCP's shutdown", async () => {
    const { path, ask } = await consoles.tsvde();
    await ask('port/create 3');
    for (const words of ['port/remove 3', 'port/create 3', 'vlan/create 12', 'port/setvlan 3 12'])
      expect(await run(vdecmd, ['-s', path, ...words.split(' ')])).toEqual({
        code: 0,
        signal: null,
        stdout: '',
        stderr: '',
      });
    expect(await ask('port/allprint 3')).toContain('untagged_vlan=0012');
    expect(await run(vdecmd, ['-s', path, 'shutdown'])).toMatchObject({ code: 0, stderr: '' });
  });
});

describeWith(['vde_switch', 'unixcmd', 'root'], 'vdecmd', () => {
  test.each(KINDS)("%s: vdecmd prints the same as Debian's and exits with the errno of the reply", async (kind) => {
    const { path } = await consoles[kind]();
    const commands: [string, number][] = [
      ['port/create 3', 0],
      ['port/create 3', 17],
      ['port/print 9', 6],
      ['vlan/create 7', 0],
      ['port/allprint', 0],
      ['nonsense', 38],
      ['port/remove 40', 22],
    ];
    for (const [command, code] of commands) {
      const words = command.split(' ');
      const ours = await run(vdecmd, ['-s', path, ...words]);
      expect(ours, command).toMatchObject({ code, signal: null });
      if (code !== 0) expect(ours.stderr).toMatch(new RegExp(`^vdecmd: ${command}: [A-Z].*\n$`));
      // A command that changes the switch is not repeated: its second reply would differ.
      if (!/print|showinfo/.test(command)) continue;
      const theirs = await run('unixcmd', ['-s', path, '-f', SCRIPT, ...words]);
      expect(theirs.code).toBe(255);
      expect(ours.stdout, command).toBe(theirs.stdout.replaceAll('\0', ''));
      const scripted = await run(unixcmd, ['-s', path, '-f', SCRIPT, ...words]);
      expect({ ...scripted, stderr: '' }).toEqual({ ...ours, stderr: '' });
    }
  });

  test.each([
    ['vdecmd', vdecmd],
    ['unixcmd', unixcmd],
  ])('%s reports wrong options, a missing socket and a missing command', async (name, program) => {
    const { path } = await consoles.tsvde();
    const usage = await run(program, []);
    expect(usage).toMatchObject({ code: 255, stderr: '' });
    expect(usage.stdout).toMatch(new RegExp(`^Usage: ${name} OPTIONS command\n.*/var/run/${name}`, 's'));
    const script = ['-f', SCRIPT];
    expect(await run(program, [...script, '-s', '/nowhere', 'showinfo'])).toMatchObject({
      code: 255,
      stderr: `${name}: cannot connect to '/nowhere': no such file or directory\n`,
    });
    // As in Debian's programs, an unknown option prints a message; long names and options after the command are
    // accepted.
    expect(await run(program, ['-x', `--sock=${path}`, 'port/create', '5', `--rcfile=${SCRIPT}`])).toMatchObject({
      code: 0,
      stderr: `${name}: unknown option '-x'; --help lists the options\n`,
    });
    expect(await run(program, [...script, '-s', path, 'port/setvlan', '5', '-1'])).toMatchObject({ code: 22 });
    const { code, stderr } = await run(program, [...script, '-v', '-s', path, 'port/showinfo']);
    expect(code).toBe(0);
    expect(stderr).toMatch(/state 13 copy, read: "HUB=false\\n"/);
  });

  test('unixcmd without a script names the missing file', async () => {
    expect(await run(unixcmd, ['-s', '/nowhere', 'x'])).toMatchObject({
      code: 255,
      stderr: "unixcmd: cannot read the script '/etc/vde2/unixcmd': No such file or directory; name one with -f\n",
    });
  });
});

describeWith(['unixcmd'], 'scripts of unixcmd', () => {
  /** A peer that sends a text to each client and records the text that it receives. */
  async function peer(says: string) {
    const path = `${temporaryDirectory()}/s`;
    const heard: string[] = [];
    const server = createServer((socket) => {
      let text = '';
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('close', () => heard.push(text));
      if (says !== '') socket.write(says); // an empty write to a client that has gone would be an error
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    atEnd(() => server.close());
    return { path, heard };
  }

  test.each([
    ["1 IN 'X' 9\n2 COPY\n3 EXIT 3\n9 EXIT 9", 'abcXdef'],
    ["1 IN 'X' 9\n2 COPY\n3 EXIT 3\n9 EXIT -1", 'abc'],
    ["1 IN 'X' 9\n2 COPY\n3 IN 'Y' 9\n4 COPY\n5 EXIT 3\n9 EXIT 9", 'abXcdY'],
    ["1 IN 'X' 9\n2 THROW\n3 IN 'Y' 9\n4 COPY\n5 EXIT 3\n9 EXIT 9", 'abXcdY'],
    ["1 IN 'X' 9\n2 SKIP 2\n3 COPY\n4 SKIP 99\n5 COPY\n6 IN 'Y' 9\n7 COPY\n8 EXIT\n9 EXIT 9", 'abXcdY'],
    ["1 IN 'X' 9\n2 RVATOI\n3 EXITRV\n9 EXIT 9", '42X'],
    ["1 IN 'X' 9\n2 SKIP 2\n3 RVATOI 8\n4 EXITRV\n9 EXIT 9", '3017X'],
    ["1 IN 'X' 9\n2 IF 'ab' 5\n3 EXIT 1\n5 IF 'b' 8\n6 EXIT 2\n8 EXIT 3\n9 EXIT 9", 'abX'],
    ["5 EXIT 300\n1 SEND 'first'\n3 SEND '[$*]$0 it\\'s\\t\\\\\\x'\n2 GOTO 3", ''],
    ["  # a comment\n\n1   SEND   '$x-'\n2 EXITRV", ''],
    ["1 IN '\\n' 9\n2 OUTTAG 3\n3 COPY\n4 OUTSHIFT\n5 THROW\n6 IN '\\n' 9\n7 COPY\n8 EXIT 0\n9 EXIT 9", 'one\ntwo\n'],
  ])('%j acts the same in both programs on the input %j', async (script, says) => {
    const { path, heard } = await peer(says);
    const file = `${temporaryDirectory()}/rc`;
    writeFileSync(file, `TIMEOUT 200\n${script}\n`);
    const results = [];
    for (const program of ['unixcmd', unixcmd]) {
      const { code, stdout } = await run(program, ['-s', path, '-f', file, 'aa', 'bb']);
      await until(() => heard.length === results.length + 1, 'the end of the connection');
      results.push({ code, stdout: stdout.replaceAll('\0', ''), heard: heard.at(-1) });
    }
    expect(results[1]).toEqual(results[0]);
  });

  test('$N sends the word of that number and keeps the character after N, which the original loses', async () => {
    const { path, heard } = await peer('');
    const file = `${temporaryDirectory()}/rc`;
    writeFileSync(file, "1 SEND '$1, $0'\n2 EXIT 7");
    expect(await run(unixcmd, ['-s', path, '-f', file, 'aa', 'bb'])).toMatchObject({ code: 7 });
    await until(() => heard.length > 0, 'the end of the connection');
    expect(heard).toEqual(['bb, aa bb']);
  });

  test.each([
    ["1 IFARG 'a' 2\n2 EXIT", /rc:1: 'IFARG' is not a known action/],
    ['1 SEND abc\n2 EXIT', /rc:1: a quoted text \('…'\) is missing/],
    ['EXIT', /rc:1: a number is missing/],
    ["1 IN 'x'\n2 EXIT", /rc:1: a number is missing/],
    ['# nothing', /rc: the script has no states/],
    ['1 GOTO 7', /state 1 of the script goes to 7, which does not exist/],
    ["1 SEND 'x'", /state 1 of the script is the last, and is not an EXIT/],
    ['1 THROW\n2 GOTO 1', /state \d of the script loops for ever/],
  ])('%j is refused with a message', async (script, stderr) => {
    const { path } = await peer('');
    const file = `${temporaryDirectory()}/rc`;
    writeFileSync(file, script);
    const result = await run(unixcmd, ['-s', path, '-f', file, 'aa']);
    expect(result.code).toBe(255);
    expect(result.stderr).toMatch(stderr);
  });
});

describeWith(['vde_switch', 'unixterm', 'vdeterm', 'root'], 'the terminals on pipes', () => {
  const END = '9999 END OF SESSION';
  const masked = (text: string) => text.replace(/^VDE switch V.*\n.*\n/, 'BANNER\n');

  test.each(KINDS)("%s: unixterm shows the same bytes as Debian's and ends with the session", async (kind) => {
    const { path } = await consoles[kind]();
    const texts: string[] = [];
    for (const program of ['unixterm', unixterm]) {
      const started = start(program, [path]);
      for (const [line, answer] of [
        ['port/showinfo', /counters=true\n\.\n1000 Success\n\nvde\$ $/],
        ['nonsense', /1038 Function not implemented\n\nvde\$ $/],
      ] as const) {
        await started.output(/vde\$ $/);
        started.stdin.write(`${line}\n`);
        await started.output(answer);
      }
      started.stdin.write('logout\n');
      expect(await started.exited).toEqual({ code: 0, signal: null });
      texts.push(masked(started.stdout()));
    }
    // Debian's unixterm sometimes sees the end of the stream before the last line.
    expect(texts[1]).toBe(`${texts[0]!.replace(END, '')}${END}`);
  });

  test.each(KINDS)('%s: unixterm shows the answers to commands given before the end of stdin', async (kind) => {
    const { path } = await consoles[kind]();
    const started = start(unixterm, [path]);
    started.stdin.end('port/showinfo\n');
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(started.stdout()).toContain('\ncounters=true\n.\n1000 Success\n');
  });

  test('vdeterm prints replies line by line, without codes', async () => {
    const { path } = await consoles.vde_switch();
    const started = start(vdeterm, [path]);
    started.stdin.end('port/showinfo\nport/create 3\nport/create 3\nnonsense\n');
    expect(await started.exited).toEqual({ code: 0, signal: null });
    expect(started.stdout()).toMatch(
      /\nHUB=false\ncounters=true\nSuccess\nSuccess\nFile exists\nFunction not implemented\n$/,
    );
  });

  test.each([
    ['unixterm', unixterm],
    ['vdeterm', vdeterm],
  ])("%s exits with 255 without a path or a socket, as Debian's does", async (name, program) => {
    for (const args of [[], ['/nowhere']]) {
      const [ours, theirs] = [await run(program, args), await run(name, args)];
      expect([ours.code, theirs.code]).toEqual([255, 255]);
      expect(ours.stderr).toMatch(new RegExp(`^${name}: (name .*|cannot connect to '/nowhere': .*)\n$`));
    }
  });
});

describeWith(['vde_switch', 'pidof', 'root'], 'the process name', () => {
  test.each(['vdecmd', 'unixcmd', 'unixterm', 'vdeterm'])(
    '%s is found under its name, with its arguments',
    async (name) => {
      const path = `${temporaryDirectory()}/silent`;
      const server = createServer((socket) => atEnd(() => socket.destroy()));
      await new Promise<void>((resolve) => server.listen(path, resolve));
      atEnd(() => server.close());
      const args = name.endsWith('cmd') ? ['-s', path, '-f', SCRIPT, 'port/print', '3'] : [path];
      const started = start(compat(name), args);
      const comm = () => readFileSync(`/proc/${started.pid}/comm`, 'utf8');
      const cmdline = () => readFileSync(`/proc/${started.pid}/cmdline`, 'utf8').replace(/\0+$/, '').split('\0');
      await until(() => comm() === `${name}\n` && cmdline()[0] === name, 'the name of the process');
      expect(cmdline()).toEqual([name, ...args]);
      expect((await run('pidof', [name])).stdout.split(/\s+/)).toContain(String(started.pid));
      await started.stop('SIGKILL');
    },
  );
});
