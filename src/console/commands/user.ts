// The user menu: forwards of user-mode networks, made and ended while they run, and their connections. Where there are several
// networks, an id says which.
import type { AttachedPort } from '../../backends/backends.ts';
import { formatHostForward, hostForward, hostPlace } from '../../backends/user/forward.ts';
import { UserBackend } from '../../backends/user/user-backend.ts';
import { SwitchError } from '../../protocol/errors.ts';
import type { Switch } from '../../switch.ts';
import type { ConsoleContext, Menu } from '../command.ts';
import { dataBlock, printable, type Reply, result } from '../reply.ts';

export const userMenu: Menu = {
  name: 'user',
  title: 'USER MODE NETWORK MENU',
  commands: [
    {
      path: 'user/hostfwd',
      syntax: 'add [ID] RULE|del [ID] RULE|list [ID]',
      help: 'forward from the host to a guest (tcp:127.0.0.1:2222-:22), no longer, or show what is',
      answer: (argument, context) => answered(context, 'user/hostfwd', () => changeForwards(argument, context.switch)),
    },
    {
      path: 'user/info',
      syntax: '[ID]',
      help: "show a user-mode network's forwards and connections",
      answer: (argument, context) =>
        answered(context, 'user/info', async () => {
          const table = await findNetwork(context.switch, argument || undefined).backend.info();
          return dataBlock(table.split('\n').filter((line) => line.trim() !== ''));
        }),
    },
  ],
};

async function changeForwards(argument: string, sw: Switch): Promise<Reply> {
  const [, verb = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(argument)!;
  if (verb === 'list') return dataBlock(listForwards(sw, rest || undefined));
  // An id has no colon, and every rule has.
  const [, id, rule = ''] = /^(?:([^:\s]+)\s+)?(.*)$/s.exec(rest)!;
  switch (verb) {
    case 'add': {
      const forward = hostForward.parse(rule) ?? refuse(`'${rule}' is no forward: write ${hostForward.what}`);
      await findNetwork(sw, id).backend.addHostForward(forward);
      return result();
    }
    case 'del': {
      const place = hostPlace.parse(rule) ?? refuse(`'${rule}' is no end of a forward: write ${hostPlace.what}`);
      await findNetwork(sw, id).backend.removeHostForward(place);
      return result();
    }
    default:
      return refuse(`'${verb}' is none of add, del and list`);
  }
}

function* listForwards(sw: Switch, id: string | undefined): Iterable<string> {
  const networks = id === undefined ? findNetworks(sw) : [findNetwork(sw, id)];
  for (const { id, backend } of networks)
    for (const forward of backend.hostForwards) yield `${id} ${printable(formatHostForward(forward))}`;
}

interface UserNetwork {
  id: string;
  backend: UserBackend;
}

function findNetworks(sw: Switch): UserNetwork[] {
  const isUser = (port: AttachedPort): port is AttachedPort & UserNetwork => port.backend instanceof UserBackend;
  return sw.attachedPorts().filter(isUser);
}

/** The only one, or the one that is named. EINVAL, ENXIO. */
function findNetwork(sw: Switch, id: string | undefined): UserNetwork {
  const networks = findNetworks(sw).filter((network) => id === undefined || network.id === id);
  if (networks.length === 1) return networks[0]!;
  if (networks.length > 1) refuse(`say which: ${networks.map((network) => network.id).join(', ')}`);
  throw new SwitchError('ENXIO', id === undefined ? 'there is no user-mode network' : `'${id}' is none`);
}

/** A reply has no room for the sentence: the log has. */
async function answered({ log }: ConsoleContext, path: string, reply: () => Promise<Reply>): Promise<Reply> {
  try {
    return await reply();
  } catch (error) {
    if (!(error instanceof SwitchError)) throw error;
    log(`${path}: ${error.message}`, 'warning');
    return result(error);
  }
}

function refuse(sentence: string): never {
  throw new SwitchError('EINVAL', sentence);
}
