// The events menu: the feed of events for tsvdectl. vde_switch has no such menu; its debug lines are in the debug menu.
import { SwitchError } from '../../protocol/errors.ts';
import type { Menu } from '../command.ts';
import { streamEvents } from '../event-stream.ts';
import { failureOf, result } from '../reply.ts';

export const eventsMenu: Menu = {
  name: 'events',
  title: 'EVENTS MENU',
  commands: [
    {
      path: 'events/stream',
      syntax: '',
      help: 'used by tsvdectl events: read no more commands, and send events as JSON instead',
      level: 'see',
      async answer(argument, { switch: sw }, { takeOver }) {
        const error = await failureOf(() => {
          if (argument !== '') throw new SwitchError('EINVAL', `events/stream takes no argument: '${argument}'`);
          if (!takeOver) throw new SwitchError('EINVAL', 'only tsvdectl events can use events/stream');
          takeOver((connection) => streamEvents(sw.events, connection));
        });
        return error ? result(error) : { data: null, text: '', last: true };
      },
    },
  ],
};
