// The console's own commands: help, its end and the switch's, scripts.
import { SwitchError } from '../../protocol/errors.ts';
import type { Menu } from '../command.ts';
import { octal } from '../format.ts';
import { allMenus } from '../menus.ts';
import { END_OF_SESSION, result, versionLines } from '../reply.ts';

const COLUMNS = [
  ['COMMAND PATH', 'SYNTAX', 'HELP'],
  ['------------', '--------------', '------------'],
] as const;

export const consoleMenu: Menu = {
  commands: [
    {
      path: 'help',
      syntax: '[arg]',
      help: 'what the commands are, or those that begin with arg',
      *print(argument, context) {
        for (const [path, syntax, help] of COLUMNS) yield row(path, syntax, help);
        for (const { name, title, commands } of allMenus(context)) {
          if (name?.startsWith(argument)) yield row(name, '============', title ?? '');
          for (const { path, syntax, help } of commands) if (path.startsWith(argument)) yield row(path, syntax, help);
        }
      },
    },
    {
      path: 'logout',
      syntax: '',
      help: 'leave this session',
      answer(_, __, invoker) {
        if (invoker.kind !== 'session') return '';
        invoker.end();
        return END_OF_SESSION;
      },
    },
    {
      path: 'shutdown',
      syntax: '',
      help: 'end the switch',
      answer(_, context, invoker) {
        context.log('Shutdown from mgmt command');
        if (invoker.kind === 'script') return '';
        invoker.end(() => context.shutdown());
        return END_OF_SESSION;
      },
    },
    {
      path: 'showinfo',
      syntax: '',
      help: 'version, process and address of the switch',
      *print(_, { switch: sw, version, management }) {
        yield* versionLines(version);
        yield '';
        yield `pid ${process.pid} MAC ${sw.mac} uptime ${sw.uptimeSeconds}`;
        if (management) yield `mgmt ${management.path} perm 0${octal(management.mode)}`;
      },
    },
    {
      path: 'load',
      syntax: 'path',
      help: 'run the commands in a file',
      async answer(path, _, invoker) {
        try {
          await invoker.runFile(path);
          return result();
        } catch (error) {
          if (error instanceof SwitchError) return result(error);
          throw error;
        }
      },
    },
  ],
};

function row(path: string, syntax: string, help: string): string {
  return `${path.padEnd(18)} ${syntax.padEnd(15)} ${help}`;
}
