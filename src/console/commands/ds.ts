// The data socket menu: shows the control directory and the permissions of its ctl socket.
import { type Menu, showing } from '../command.ts';
import { octal } from '../format.ts';

export const dsMenu: Menu = {
  name: 'ds',
  title: 'DATA SOCKET MENU',
  commands: [
    showing({
      path: 'ds/showinfo',
      syntax: '',
      help: 'show the control directory and the permissions of its ctl socket',
      level: 'look',
      show: (_, { switch: { control } }) =>
        control && { directory: control.directory, mode: `0${octal(control.mode)}` },
      format: ({ directory, mode }) => [`ctl dir ${directory}`, `std mode ${mode}`],
    }),
  ],
};
