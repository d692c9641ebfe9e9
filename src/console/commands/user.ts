// The user menu: adds, removes and lists the host forwards of running user-mode networks, and shows their connections.
// The network's id may be omitted if there is only one.
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
      help: 'add, delete or list forwards from the host to a guest (tcp:127.0.0.1:2222-:22)',
      level: 'full',
      levelOf: (argument) => (/^list\b/.test(argument) ? 'look' : 'full'),
      async answer(argument, { switch: sw, log }, { explained }) {
        const [, verb = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(argument)!;
        if (verb === 'list') return dataBlock(listForwards(sw, rest || undefined), { format: describeForward });
        return result(
          await failureOf(() =>
            changeForward(verb, rest, sw).catch((error: Error) => {
              if (!explained) log(`user/hostfwd: ${error.message}`, 'warning'); // a text reply then has only the errno
              throw error;
            }),
          ),
        );
      },
    },
    {
      path: 'user/info',
      syntax: '[ID]',
      help: 'show the forwards and connections of a user-mode network',
      level: 'see',
      async *print(argument, { switch: sw }) {
        const table = await findNetwork(sw, argument || undefined).backend.info();
        yield* table.split('\n').filter((line) => line.trim() !== '');
      },
    },
  ],
};

async function changeForward(verb: string, words: string, sw: Switch): Promise<void> {
  // Every rule has a colon and no id does, so a first word without a colon is an id.
  const [, id, rule = ''] = /^(?:([^:\s]+)\s+)?(.*)$/s.exec(words)!;
  switch (verb) {
    case 'add': {
      const forward = hostForward.parse(rule) ?? refuse(`'${rule}' is not a forward: write ${hostForward.what}`);
      return findNetwork(sw, id).backend.addHostForward(forward);
    }
    case 'del': {
      const place =
        hostPlace.parse(rule) ?? refuse(`'${rule}' is not the host's side of a forward: write ${hostPlace.what}`);
      return findNetwork(sw, id).backend.removeHostForward(place);
    }
    default:
      return refuse(`'${verb}' is not add, del or list`);
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

/**
 * Returns the network with this id or, without an id, the only one. Throws EINVAL if there are several, ENXIO if there
 * is none.
 */
function findNetwork(sw: Switch, id: string | undefined): UserNetwork {
  const networks = findNetworks(sw).filter((network) => id === undefined || network.id === id);
  if (networks.length === 1) return networks[0]!;
  if (networks.length > 1)
    refuse(`there are several user-mode networks, give an id: ${networks.map((network) => network.id).join(', ')}`);
  throw new SwitchError(
    'ENXIO',
    id === undefined ? 'there is no user-mode network' : `'${id}' is not a user-mode network`,
  );
}

function refuse(sentence: string): never {
  throw new SwitchError('EINVAL', sentence);
}
