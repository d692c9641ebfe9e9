// The plugin menu. Plugins are built in; vde2's file names for them are also accepted.
import { SwitchError } from '../../protocol/errors.ts';
import { type Menu, printing } from '../command.ts';

export const pluginMenu: Menu = {
  name: 'plugin',
  title: 'PLUGINS MENU',
  commands: [
    printing({
      path: 'plugin/list',
      syntax: '',
      help: 'show the loaded plugins',
      heading: [row('NAME', 'HELP'), row('------------', '----')],
      *print(argument, { plugins }) {
        const loaded = plugins.list(argument);
        if (loaded.length === 0) throw new SwitchError('ENOENT', 'no such plugin is loaded');
        for (const { name, help } of loaded) yield { name, help };
      },
      format: ({ name, help }) => row(name, help),
    }),
    {
      path: 'plugin/add',
      syntax: 'library',
      help: 'load dump, pdump or iplog',
      run(argument, context) {
        context.plugins.add(argument, context);
      },
    },
    {
      path: 'plugin/del',
      syntax: 'name',
      help: 'unload the first plugin whose name begins with name',
      run(argument, context) {
        context.plugins.remove(argument, context);
      },
    },
  ],
};

function row(name: string, help: string): string {
  return `${name.padEnd(22)} ${help}`;
}
