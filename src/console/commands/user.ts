// The user menu: forwards of user-mode networks, made and ended while they run, and their connections. Where there are several
// networks, an id says which.
import type { Attachment } from '../../backends/attachments.ts';
import { formatHostForward, hostForward, hostPlace } from '../../backends/user/forward.ts';
import { UserBackend } from '../../backends/user/user-backend.ts';
import { SwitchError } from '../../protocol/errors.ts';
import type { Switch } from '../../switch/switch.ts';
import type { Menu } from '../command.ts';
import { dataBlock, failureOf, printable, result } from '../reply.ts';

export const userMenu: Menu = {
  name: 'user',
  title: 'USER MODE NETWORK MENU',
  commands: [
    {
      path: 'user/hostfwd',
      syntax: 'add [ID] RULE|del [ID] RULE|list [ID]',
      help: 'forward from the host to a guest (tcp:127.0.0.1:2222-:22), no longer, or show what is',
      async answer(argument, { switch: sw, log }) {
        const [, verb = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(argument)!;
        if (verb === 'list') return dataBlock(listForwards(sw, rest || undefined), { format: describeForward });
        return result(
          await failureOf(() =>
            changeForward(verb, rest, sw).catch((error: Error) => {
              log(`user/hostfwd: ${error.message}`, 'warning'); // a reply has no room for the sentence
              throw error;
            }),
          ),
        );
      },
    },
    {
      path: 'user/info',
      syntax: '[ID]',
      help: "show a user-mode network's forwards and connections",
      async *print(argument, { switch: sw }) {
        const table = await findNetwork(sw, argument || undefined).backend.info();
        yield* table.split('\n').filter((line) => line.trim() !== '');
      },
    },
  ],
};

async function changeForward(verb: string, words: string, sw: Switch): Promise<void> {
  // An id has no colon, and every rule has.
  const [, id, rule = ''] = /^(?:([^:\s]+)\s+)?(.*)$/s.exec(words)!;
  switch (verb) {
    case 'add': {
      const forward = hostForward.parse(rule) ?? refuse(`'${rule}' is no forward: write ${hostForward.what}`);
      return findNetwork(sw, id).backend.addHostForward(forward);
    }
    case 'del': {
      const place = hostPlace.parse(rule) ?? refuse(`'${rule}' is no end of a forward: write ${hostPlace.what}`);
      return findNetwork(sw, id).backend.removeHostForward(place);
    }
    default:
      return refuse(`'${verb}' is none of add, del and list`);
  }
}

interface ListedForward {
  id: string;
  rule: string;
}

function* listForwards(sw: Switch, id: string | undefined): Iterable<ListedForward> {
  const networks = id === undefined ? findNetworks(sw) : [findNetwork(sw, id)];
  for (const { id, backend } of networks)
    for (const forward of backend.hostForwards) yield { id, rule: formatHostForward(forward) };
}

function describeForward({ id, rule }: ListedForward): string {
  return `${id} ${printable(rule)}`;
}

interface UserNetwork {
  id: string;
  backend: UserBackend;
}

function findNetworks(sw: Switch): UserNetwork[] {
  const isUser = (port: Attachment): port is Attachment & UserNetwork => port.backend instanceof UserBackend;
  return sw.attachments().filter(isUser);
}

/** The only one, or the one that is named. EINVAL, ENXIO. */
function findNetwork(sw: Switch, id: string | undefined): UserNetwork {
  const networks = findNetworks(sw).filter((network) => id === undefined || network.id === id);
  if (networks.length === 1) return networks[0]!;
  if (networks.length > 1) refuse(`say which: ${networks.map((network) => network.id).join(', ')}`);
  throw new SwitchError('ENXIO', id === undefined ? 'there is no user-mode network' : `'${id}' is none`);
}

function refuse(sentence: string): never {
  throw new SwitchError('EINVAL', sentence);
}
