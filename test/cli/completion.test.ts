// Completion in real shells, tested by typing keys and reading the screen; and the words that `tsvde completion words`
// prints for them.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { menus } from '../../src/console/menus.ts';
import { atEnd } from '../support/at-end.ts';
import { describeWith } from '../support/needs.ts';
import { run, tsvde, tsvdectl, tsvdeq } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { Screen } from '../support/terminal.ts';
import { startTsvde } from '../support/tsvde.ts';

/** Returns the words that can complete a command line, which begins with the program's name. */
async function words(...line: string[]): Promise<string[]> {
  const { stdout, stderr, code } = await run(tsvde, ['completion', 'words', ...line]);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((row) => row.split('\t')[0]!);
}

/** A switch with the ports 3, named `web`, and 17, and a console. */
async function startSwitch(): Promise<{ home: string; mgmt: string }> {
  const home = temporaryDirectory();
  const mgmt = `${home}/mgmt`;
  writeFileSync(`${home}/rc`, 'port/create 3\nport/setname 3 web\nport/create 17\n');
  await startTsvde(['--mgmt', mgmt, '--nostdin', '-f', `${home}/rc`], { cwd: home });
  return { home, mgmt };
}

describe('the words', () => {
  test.each([
    ['tsvde', tsvde],
    ['tsvdectl', tsvdectl],
    ['tsvdeq', tsvdeq],
  ])('of %s are all options in its help', async (name, program) => {
    const { stdout: help } = await run(program, ['--help']);
    const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option!);
    expect((await words(name, '-')).sort()).toEqual(options.sort());
  });

  test('have descriptions', async () => {
    const { stdout } = await run(tsvde, ['completion', 'words', 'tsvde', '--hub']);
    expect(stdout).toBe('--hub\tsend every frame to every port\n');
  });

  test('of tsvde are its sub-commands, and their options and checks', async () => {
    expect(await words('tsvde', 'pl')).toEqual(['plug']);
    expect(await words('tsvde', 'plug', '--de')).toEqual(['--descr']);
    expect(await words('tsvde', 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await words('tsvde', 'doctor', 'lib')).toEqual(['libslirp', 'libpcap']);
  });

  test.each([
    [['--sock', ''], [':directory']],
    [['-s', '/r'], [':directory']],
    [['--sock=/r'], [':directory']],
    [['--mgmt', ''], [':file']],
    [
      ['--log-format', ''],
      ['text', 'json'],
    ],
    [['--log-format=j'], ['--log-format=json']],
    [['--group', 'roo'], ['root']],
    [['--numports', ''], []],
    [['--port', 'st'], ['stream,']],
    [['--port', 'tap,if'], ['tap,ifname=']],
    [
      ['--port', 'stream,server=o'],
      ['stream,server=on', 'stream,server=off'],
    ],
    [['--port=user,hostf'], ['--port=user,hostfwd=']],
  ])('for tsvde %j are %j', async (line, expected) => {
    expect(await words('tsvde', ...line)).toEqual(expected);
  });

  test('of tsvdectl are the commands of the console, the ports and the names of the switch', async () => {
    const { mgmt } = await startSwitch();
    const commands = await words('tsvdectl', '-M', mgmt, '');
    for (const { path } of menus.flatMap(({ commands }) => commands)) expect(commands).toContain(path);
    for (const view of ['ports', 'port', 'macs', 'top', 'capture', 'events', 'expect', 'wait'])
      expect(commands).toContain(view);
    expect(await words('tsvdectl', '-M', mgmt, 'port', '')).toEqual(['3', '17', 'web']);
    expect(await words('tsvdectl', `--mgmt=${mgmt}`, 'port/setvlan', 'w')).toEqual(['web']);
    expect(await words('tsvdectl', '-M', mgmt, 'capture', '-p', 'w')).toEqual(['web']);
    expect(await words('tsvdectl', '-M', mgmt, 'capture', '--w')).toEqual(['--write']);
    expect(await words('tsvdectl', '-M', mgmt, 'expect', '-p', 'w')).toEqual(['web']);
    expect(await words('tsvdectl', '-M', mgmt, 'wait', '--t')).toEqual(['--timeout']);
    expect(await words('tsvdectl', '-M', mgmt.slice(0, -1))).toContain(mgmt);
  });

  test('of tsvdectl are commands without ports if the switch does not run', async () => {
    expect(await words('tsvdectl', '-M', '/nonexistent', 'vlan/cre')).toEqual(['vlan/create']);
    expect(await words('tsvdectl', '-M', '/nonexistent', 'port', '')).toEqual([]);
  });

  test('of a console that another user serves are left out if a shell would execute them', async () => {
    const path = `${temporaryDirectory()}/mgmt`;
    const help = ['------------', '$(reboot)', 'a;reboot', '\x1b[2Jx', 'harmless', '.'].join('\n');
    const server = createServer((socket) => {
      socket.write('VDE switch\n\nvde$ ');
      socket.on('data', () => socket.write(`0000 DATA END WITH '.'\n${help}\n1000 Success\n\nvde$ `));
      socket.on('error', () => {});
    }).listen(path);
    atEnd(() => void server.close());
    const found = await words('tsvdectl', '-M', path, '');
    expect(found).toContain('harmless');
    expect(found.filter((word) => /[^\w/?]/.test(word))).toEqual([]);
  });

  test('of tsvdeq are the installed QEMUs', async () => {
    const home = temporaryDirectory();
    writeFileSync(`${home}/qemu-system-none`, '');
    const env = { ...process.env, PATH: `${home}:${process.env.PATH}` };
    const { stdout } = await run(tsvde, ['completion', 'words', 'tsvdeq', '-vdesock', '/run/x', 'qemu-system-n'], {
      env,
    });
    expect(stdout).toBe('qemu-system-none\n');
  });

  test('of an unknown shell are refused', async () => {
    const { code, stderr } = await run(tsvde, ['completion', 'tcsh']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'tsvde completion: name one shell: bash, zsh or fish\n' });
  });
});

/** Starts a shell without the user's own settings, whose prompt is `ready> `. */
const SHELLS: Record<string, (home: string) => { args: string[]; env: NodeJS.ProcessEnv }> = {
  bash: (home) => {
    writeFileSync(
      `${home}/rc`,
      "PS1='ready> '\nbind 'set enable-bracketed-paste off'\nsource <(tsvde completion bash)\n",
    );
    return { args: ['--noprofile', '--rcfile', `${home}/rc`, '-i'], env: {} };
  },
  zsh: (home) => {
    const set = "PS1='ready> '\nunsetopt prompt_sp\nautoload -Uz compinit\ncompinit -u\n";
    writeFileSync(`${home}/.zshrc`, `${set}source <(tsvde completion zsh)\n`);
    return { args: ['-i'], env: { ZDOTDIR: home } };
  },
  fish: (home) => {
    // Otherwise fish begins to make completions of all manual pages.
    mkdirSync(`${home}/fish/generated_completions`, { recursive: true });
    const set =
      "function fish_prompt\n  echo -n 'ready> '\nend\nset -g fish_greeting ''\nset -g fish_autosuggestion_enabled 0\n";
    writeFileSync(`${home}/fish/config.fish`, `${set}tsvde completion fish | source\n`);
    return { args: ['-i'], env: { XDG_CONFIG_HOME: home, XDG_DATA_HOME: home } };
  },
};

/** Returns an environment in which our programs are on the PATH, as after an installation. */
function installed(home: string): NodeJS.ProcessEnv {
  mkdirSync(`${home}/bin`);
  for (const path of [tsvde, tsvdectl, tsvdeq]) symlinkSync(path, `${home}/bin/${path.split('/').at(-1)}`);
  return { PATH: `${home}/bin:${process.env.PATH}`, HOME: home };
}

for (const [shell, start] of Object.entries(SHELLS)) {
  describeWith(['/usr/bin/python3', shell], `completion in ${shell}`, () => {
    test('completes options, values, ports and names, and paths', async () => {
      const { home: switchHome, mgmt } = await startSwitch();
      const home = temporaryDirectory();
      const { args, env } = start(home);
      const screen = new Screen(shell, args, { ...installed(home), ...env }, 120);
      await screen.shows(/ready>$/);
      for (const [keys, completed] of [
        ['tsvde --strict\t', /ready> tsvde --strict-vlan/],
        ['tsvde --log-format=j\t', /ready> tsvde --log-format=json/],
        ['tsvde --port tap,if\t', /ready> tsvde --port tap,ifname=$/],
        ['tsvdectl doct\x15tsvde doct\t', /ready> tsvde doctor/],
        [`tsvdectl -M ${mgmt} port/setvl\t`, /port\/setvlan/],
        [`tsvdectl -M ${mgmt} port we\t`, / port web/],
        [`tsvde --sock ${switchHome.slice(0, -1)}\t`, new RegExp(`--sock ${switchHome}/`)],
        [`tsvde --sock=${switchHome.slice(0, -1)}\t`, new RegExp(`--sock=${switchHome}/`)],
      ] as const) {
        screen.type(keys);
        await screen.shows(completed);
        screen.type('\x15'); // Ctrl-U erases the line
        await screen.shows(/ready>$/);
      }
      // Several words are listed.
      screen.type(`tsvdectl -M ${mgmt} port \t\t`);
      await screen.shows(/\b3\b[\s\S]*\b17\b[\s\S]*\bweb\b|17[\s\S]*3[\s\S]*web/);
    }, 60_000);
  });
}
