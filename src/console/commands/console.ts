// Commands that belong to no menu: help, logout, shutdown, showinfo, load, explain, json. In a script, logout does
// nothing and shutdown only writes a log line.
import { SwitchError } from '../../protocol/errors.ts';
import { type Menu, printing, type Step, showing } from '../command.ts';
import { octal } from '../format.ts';
import { parseFlag, parseLine } from '../parse.ts';
import { asJson, failureOf, plain, type Reply, result, versionLines } from '../reply.ts';

const HEADING = [row('COMMAND PATH', 'SYNTAX', 'HELP'), row('------------', '--------------', '------------')];
const endsWithSwitch = new SwitchError(
  'EINVAL',
  'the console at the terminal ends with the switch: shutdown or Ctrl-D stops the switch',
);
const ENDED: Reply = { data: null, text: '', last: true };

export const consoleMenu: Menu = {
  commands: [
    printing({
      path: 'help',
      syntax: '[arg]',
      help: 'list the commands, or those that begin with arg, and the level of each',
      level: 'look',
      heading: HEADING,
      *print(argument, context) {
        for (const { name, title = '', commands } of context.menus) {
          if (name?.startsWith(argument)) yield { menu: name, title };
          for (const { path, syntax, help, level } of commands)
            if (path.startsWith(argument)) yield { path, syntax, help, level };
        }
      },
      format: (entry) =>
        entry.menu === undefined
          ? row(entry.path, entry.syntax, `${entry.help} [${entry.level}]`)
          : row(entry.menu, '============', entry.title),
    }),
    {
      path: 'logout',
      syntax: '',
      help: 'end this session',
      level: 'look',
      answer(_, __, invoker) {
        if (invoker.kind === 'terminal' && invoker.explained) return result(endsWithSwitch);
        if (invoker.kind !== 'session') return undefined;
        invoker.end();
        return ENDED;
      },
    },
    {
      path: 'shutdown',
      syntax: '',
      help: 'shut down the switch',
      level: 'full',
      answer(_, context, invoker) {
        context.log('Shutdown from mgmt command');
        if (invoker.kind === 'script') return undefined;
        invoker.end(() => context.shutdown());
        return ENDED;
      },
    },
    showing({
      path: 'showinfo',
      syntax: '',
      help: 'show version, process, MAC address and uptime',
      level: 'look',
      show: (_, { switch: sw, version, management, metrics, web }, { level }) => ({
        name: sw.name,
        version,
        pid: process.pid,
        mac: sw.mac,
        uptimeSeconds: sw.uptimeSeconds,
        management: management && { path: management.path, mode: `0${octal(management.mode)}` },
        level,
        metrics,
        web,
      }),
      *format({ version, pid, mac, uptimeSeconds, management, metrics, web }) {
        yield* versionLines(version);
        yield '';
        yield `pid ${pid} MAC ${mac} uptime ${uptimeSeconds}`;
        if (management) yield `mgmt ${management.path} perm ${management.mode}`;
        if (metrics) yield `metrics ${metrics}`;
        if (web) yield `web ${web}`;
      },
    }),
    {
      path: 'load',
      syntax: 'path',
      help: 'run the commands in a file',
      level: 'full',
      async answer(path, _, invoker) {
        let steps: Step[] = [];
        const error = await failureOf(async () => {
          steps = await invoker.runFile(path);
        });
        return { data: steps.map(({ line, reply }) => ({ line, ...(reply && plain(reply)) })), text: '', error };
      },
    },
    {
      path: 'explain',
      syntax: '0/1',
      help: 'say what is wrong in the replies of this session (1), or only name the error (0, the default)',
      level: 'look',
      run(argument, _, invoker) {
        invoker.explain(parseFlag(argument));
      },
    },
    {
      path: 'json',
      syntax: 'command',
      help: 'show the reply to a command as one line of JSON',
      level: 'look',
      async answer(line, _, invoker) {
        const path = parseLine(line)?.path;
        if (path === undefined || path === 'json')
          return asJson(
            result(new SwitchError('EINVAL', 'json is followed by another command, as in: json port/print')),
          );
        const reply = await invoker.execute(line);
        return reply && asJson(reply);
      },
    },
  ],
};

function row(path: string, syntax: string, help: string): string {
  return `${path.padEnd(18)} ${syntax.padEnd(15)} ${help}`;
}
