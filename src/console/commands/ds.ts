// The data socket menu: where clients plug in.
import type { Menu } from '../command.ts';
import { octal } from '../format.ts';

export const dsMenu: Menu = {
  name: 'ds',
  title: 'DATA SOCKET MENU',
  commands: [
    {
      path: 'ds/showinfo',
      syntax: '',
      help: 'the control directory and the rights of its ctl socket',
      *print(_, { switch: sw }) {
        if (!sw.control) return;
        yield `ctl dir ${sw.control.directory}`;
        yield `std mode 0${octal(sw.control.mode)}`;
      },
    },
  ],
};
