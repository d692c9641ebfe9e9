// The plugin menu. All plugins are built in; the names of vde2's plugin files are also accepted.
import { SwitchError } from '../../protocol/errors.ts';
import { type Menu, printing } from '../command.ts';

export const pluginMenu: Menu = {
  name: 'plugin',
  title: 'PLUGINS MENU',
  commands: [
    printing({
      path: 'plugin/list',
      syntax: '',
      help: 'show the loaded plugins, or, if there is none, those that can be loaded',
      level: 'look',
      heading: [row('NAME', 'HELP'), row('------------', '----')],
      *print(argument, { plugins }) {
        for (const { name, help } of plugins.list(argument)) yield { name, help, loaded: true };
        if (plugins.list(argument).length > 0) return;
        if (plugins.list('').length > 0) throw new SwitchError('ENOENT', 'no such plugin is loaded');
        for (const { name, help } of plugins.available(argument)) yield { name, help, loaded: false };
        throw new SwitchError('ENOENT', 'no plugin is loaded; plugin/add loads one'); // this is what vde_switch replies
      },
      format: ({ name, help, loaded }) => row(name, loaded ? help : `not loaded: ${help}`),
    }),
    {
      path: 'plugin/add',
      syntax: 'library',
      help: 'load dump, pdump or iplog',
      level: 'see',
      run(argument, context) {
        context.plugins.add(argument, context);
      },
    },
    {
      path: 'plugin/del',
      syntax: 'name',
      help: 'unload the first plugin whose name begins with name',
      level: 'see',
      run(argument, context) {
        context.plugins.remove(argument, context);
      },
    },
  ],
};

function row(name: string, help: string): string {
  return `${name.padEnd(22)} ${help}`;
}
