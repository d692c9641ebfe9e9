// Lines and scripts of a console with commands of this test's own.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Command, type ConsoleContext, type Invoker, printing, showing } from '../../src/console/command.ts';
import { execute, executeSilently, runDeclarations, runFile, runStartupFile } from '../../src/console/execute.ts';
import { textOf } from '../../src/console/reply.ts';
import { SwitchError } from '../../src/protocol/errors.ts';
import { temporaryDirectory } from '../support/temporary.ts';

/** A file that can be opened but not read: the loopback interface has no speed. */
const UNREADABLE = '/sys/class/net/lo/speed';
const OK = '1000 Success\n';
const row = (path: string) => ({ path, syntax: '', help: '', level: 'look' }) as const;

let home: string;
/** The notes of the commands, in order; mostly their arguments. */
let done: string[];
let log: [string, string | undefined][];
let said: string;
let context: ConsoleContext;
let invoker: Invoker;

beforeEach(() => {
  home = temporaryDirectory();
  done = [];
  log = [];
  said = '';
  const note = (argument: string) => void done.push(argument);
  const commands: Command[] = [
    { ...row('do'), run: note, declares: true },
    { ...row('later'), run: async (argument) => note(argument), declares: (argument) => argument === 'yes' },
    {
      ...row('fail'),
      declares: true,
      run(code) {
        throw new SwitchError(code as 'EINVAL', 'a sentence');
      },
    },
    {
      ...row('break'),
      run(argument) {
        throw argument === 'text' ? 'a thrown text' : new TypeError('a defect\x1b');
      },
    },
    printing({
      ...row('print'),
      heading: ['HEAD'],
      print: (argument) => argument.split(' '),
      format: (word) => `<${word}>`,
    }),
    showing({
      ...row('show'),
      show: (argument) => (argument === '' ? undefined : { argument }),
      format: (item) => item.argument,
    }),
    { ...row('answer'), answer: (argument) => (argument === '' ? undefined : { data: 1, text: argument, last: true }) },
    { ...row('say'), run: async (argument, _, { say }) => say(argument) },
    {
      ...row('load'),
      answer: async (path, _, { runFile: run }) => {
        const steps = await run(path);
        return { data: steps.length, text: '' };
      },
    },
    { ...row('kind'), run: (_, __, { kind }) => note(kind) },
    { ...row('inner'), answer: (line, _, { execute: inner }) => inner(line) },
  ];
  context = {
    menus: [{ commands: commands.slice(0, 2) }, { name: 'rest', title: 'REST', commands: commands.slice(2) }],
    log: (message: string, level?: string) => log.push([message, level]),
  } as unknown as ConsoleContext;
  invoker = invokerWith(async (text) => {
    said += text;
  });
});

function invokerWith(say: Invoker['say']): Invoker {
  const self: Invoker = {
    kind: 'session',
    level: 'full',
    explained: false,
    explain: () => {},
    say,
    execute: (line) => executeSilently(line, context, self),
    runFile: (path, sayTo = say) =>
      runFile(path, context, { level: 'full', subscriber: undefined, explained: false, say: sayTo }),
    end: () => {},
  };
  return self;
}

const script = (name: string, ...lines: string[]) => {
  writeFileSync(`${home}/${name}`, lines.map((line) => `${line}\n`).join(''));
  return `${home}/${name}`;
};

describe('a line', () => {
  const block = (lines: string) => `0000 DATA END WITH '.'\n${lines}.\n`;

  test.each([
    ['do  this ', OK, ['this']],
    ['later this', OK, ['this']],
    ['print a b', `${block('HEAD\n<a>\n<b>\n')}${OK}`, []],
    ['show a', `${block('a\n')}${OK}`, []],
    ['show', `${block('')}${OK}`, []],
    ['answer text', 'text9999 END OF SESSION', []],
    ['fail EEXIST', '1017 File exists\n', []],
    ['none', '1038 Function not implemented\n', []],
    ['do/none', '1038 Function not implemented\n', []],
    ['', '', []],
    ['# do', '', []],
    ['answer', '', []],
  ])('%j is answered', async (line, text, expected) => {
    expect(textOf(await execute(line, context, invoker))).toBe(text);
    expect(done).toEqual(expected);
    expect([said, log]).toEqual(['', []]);
  });

  test.each([
    ['break', /^'break' failed: TypeError: a defect\\x1b at \S.*execute\.test\.ts/],
    ['break text', /^'break text' failed: a thrown text$/],
  ])('`%s` is logged on one line and answered with 1005', async (line, entry) => {
    const reply = await execute(line, context, invoker);
    expect(textOf(reply)).toBe('1005 Input/output error\n');
    expect(reply?.error?.message).toBe('internal error: see the log');
    expect(log).toEqual([[expect.stringMatching(entry), 'warning']]);
    expect(log[0]![0]).not.toMatch(/\n|\\x0a| {2}/);
  });

  test.each([
    ['none', "there is no command 'none'; help lists the commands"],
    ['pritn', "there is no command 'pritn'; did you mean 'print'?"],
    ['answ', "there is no command 'answ'; help answ lists the commands"],
    ['p'.repeat(4000), `there is no command '${'p'.repeat(4000)}'; help lists the commands`],
  ])('with the unknown command %s is answered with a sentence', async (line, sentence) => {
    expect((await execute(line, context, invoker))?.error?.message).toBe(sentence);
  });

  test('may say something before its reply, and says nothing when executed silently', async () => {
    await execute('say hello', context, invoker);
    expect(said).toBe('hello');
    expect(textOf(await executeSilently('say again', context, invoker))).toBe(OK);
    expect((await executeSilently(`load ${script('s', 'say inner')}`, context, invoker))?.data).toBe(1);
    expect(said).toBe('hello');
  });
});

describe('a script', () => {
  test('shows each line and its reply, and returns both', async () => {
    const path = script('s', 'do one', '', '# a comment', 'fail EINVAL', 'do two');
    const steps = await runFile(path, context, invoker);
    const prompt = `vde[${path}]: `;
    expect(said).toBe(
      `${prompt}do one\n${OK}${prompt}\n${prompt}# a comment\n${prompt}fail EINVAL\n1022 Invalid argument\n${prompt}do two\n${OK}`,
    );
    expect(steps.map(({ line, reply }) => [line, reply?.error?.code])).toEqual([
      ['do one', undefined],
      ['', undefined],
      ['# a comment', undefined],
      ['fail EINVAL', 'EINVAL'],
      ['do two', undefined],
    ]);
    expect(done).toEqual(['one', 'two']);
  });

  test('needs no newline at its end', async () => {
    writeFileSync(`${home}/s`, 'do one\ndo two');
    await runFile(`${home}/s`, context, invoker);
    expect(done).toEqual(['one', 'two']);
  });

  test('runs other scripts, and runs silently what a command executes', async () => {
    const inner = script('inner', 'do inner');
    await runFile(script('outer', `load ${inner}`, `inner load ${inner}`, 'do outer'), context, invoker);
    expect(done).toEqual(['inner', 'inner', 'outer']);
    expect(said.match(/do inner/g)).toHaveLength(1);
  });

  test('tells its commands that a script runs them, and leaves no descriptor open', async () => {
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    for (let i = 0; i < 20; i++) await runFile(script('s', 'kind'), context, invoker);
    await runStartupFile(script('s', 'kind'), context, () => false);
    expect(done).toEqual(Array(21).fill('script'));
    expect(descriptors()).toBeLessThan(before + 20);
  });

  test('that runs itself ends at a depth of eight', async () => {
    const path = `${home}/s`;
    script('s', 'do once', `load ${path}`);
    const steps = await runFile(path, context, invoker);
    expect(done).toHaveLength(8);
    expect(steps).toHaveLength(2);
    expect(log).toHaveLength(1);
    const message = `'${path}': scripts are nested more than 8 deep`;
    expect(log[0]![0]).toContain(message);
    await expect(runFile(path, context, invoker, 9)).rejects.toMatchObject({ code: 'EINVAL', message });
  });

  test('that is a directory or empty has no lines', async () => {
    mkdirSync(`${home}/d`);
    expect(await runFile(`${home}/d`, context, invoker)).toEqual([]);
    expect(await runFile(script('empty'), context, invoker)).toEqual([]);
    expect(said).toBe('');
  });

  test('that is missing, a pipe, too long or unreadable is refused with a sentence', async () => {
    const refused = (code: string, message: string) => expect.objectContaining({ code, message });
    execFileSync('mkfifo', [`${home}/pipe`]);
    writeFileSync(`${home}/long`, 'x'.repeat((1 << 20) + 1));
    const wrong = (path: string) => `'${path}' is not a regular file of at most 1048576 bytes`;
    for (const [path, code, message] of [
      [`${home}/none`, 'ENOENT', `cannot open '${home}/none': No such file or directory`],
      [`${home}/pipe`, 'EINVAL', wrong(`${home}/pipe`)],
      [`${home}/long`, 'EINVAL', wrong(`${home}/long`)],
      ['/dev/null', 'EINVAL', wrong('/dev/null')],
    ] as const)
      await expect(runFile(path, context, invoker)).rejects.toThrow(refused(code, message));
    writeFileSync(`${home}/long`, '#'.repeat(1 << 20));
    expect(await runFile(`${home}/long`, context, invoker)).toHaveLength(1);
  });
});

test.skipIf(!existsSync(UNREADABLE))('a script that cannot be read is refused with a sentence', async () => {
  await expect(runFile(UNREADABLE, context, invoker)).rejects.toMatchObject({
    code: 'EIO',
    message: `cannot read '${UNREADABLE}': Invalid argument`,
  });
});

describe('the rc file', () => {
  const path = () =>
    script('rc', 'do one', '', 'fail EINVAL', 'fail EEXIST', 'say nothing', 'later no', 'later yes', 'none');

  test('is run line by line, and failures are logged', async () => {
    await runStartupFile(path(), context, () => false);
    expect(done).toEqual(['one', 'no', 'yes']);
    expect(log).toEqual([
      [`${home}/rc:3: 'fail EINVAL': a sentence (EINVAL)`, 'warning'],
      [`${home}/rc:4: 'fail EEXIST': a sentence (EEXIST)`, 'warning'],
      [`${home}/rc:8: 'none': there is no command 'none'; help lists the commands (ENOSYS)`, 'warning'],
    ]);
    expect(said).toBe('');
  });

  test('ends when the start is over', async () => {
    await runStartupFile(path(), context, () => done.length === 1);
    expect([done, log]).toEqual([['one'], []]);
  });

  test('its declarations are replayed, and what exists already is not a failure', async () => {
    await runDeclarations(path(), context);
    expect(done).toEqual(['one', 'yes']);
    expect(log).toEqual([[`${home}/rc:3: 'fail EINVAL': a sentence (EINVAL)`, 'warning']]);
  });

  test('its lines may execute others, and load nothing', async () => {
    await runStartupFile(script('rc', 'inner do one', `load ${script('s', 'do two')}`), context, () => false);
    expect([done, log]).toEqual([['one'], []]);
  });
});
