// Contains serveConsole(), a console for programs that embed a switch. tsvde itself uses server.ts.
import { SwitchError } from '../protocol/errors.ts';
import { checkOptions } from '../protocol/options.ts';
import type { Switch } from '../switch/switch.ts';
import { type SwitchServer, serverOf } from '../switch/switch-server.ts';

/** Where a console is served, and to whom. */
export interface ConsoleOptions {
  /** The path of the console's unix socket. */
  path: string;
  /** Permissions of the socket; default 0o600. */
  mode?: number;
  /** The name of the group that the socket belongs to. */
  group?: string;
  /**
   * The commands for users other than the process's own and root, who may use all: `look`, `change`, `see` or `full`.
   * Each includes those before it; tsvde(1) lists them. Default `change`.
   */
  level?: 'look' | 'change' | 'see' | 'full';
  /** Called by the command `shutdown`; default: closes the switch. */
  shutdown?: () => void;
}

const OPTIONS = { path: true, mode: true, group: true, level: true, shutdown: true } satisfies Record<
  keyof ConsoleOptions,
  true
>;

/**
 * Serves the management console of a switch on a unix socket, for tsvdectl, unixterm and similar programs. Throws
 * SwitchError EADDRINUSE if the path is served already, EEXIST if another kind of file is there, ENAMETOOLONG if the
 * path is too long, EIO if the socket cannot be bound for another reason, EINVAL for wrong options, and ENODEV once the
 * switch is closed.
 */
export async function serveConsole(sw: Switch, options: ConsoleOptions): Promise<SwitchServer> {
  checkOptions(options, OPTIONS);
  // These modules are loaded on demand, since a program that only uses a plug needs no console.
  const [{ createContext }, { DEFAULT_LEVEL, isLevel, LEVELS }, { ConsoleServer }, { VDE_VERSION }] = await Promise.all(
    [import('./context.ts'), import('./level.ts'), import('./server.ts'), import('../system/version.ts')],
  );
  const { path, mode = 0o600, group, level = DEFAULT_LEVEL, shutdown = () => void sw.close() } = options;
  if (!isLevel(level)) throw new SwitchError('EINVAL', `'${level}' is not a level: give ${LEVELS.join(', ')}`);
  const context = createContext({
    switch: sw,
    level,
    version: VDE_VERSION,
    management: { path, mode },
    log: (message, level = 'info') => sw.emit('log', message, level),
    shutdown,
  });
  const server = new ConsoleServer(context);
  const bind = await server.prepare({ path, mode, ...(group === undefined ? {} : { group }) });
  const close = async () => {
    await server.close();
    context.plugins.close();
  };
  const served = serverOf(sw, path, close);
  try {
    bind();
    await server.serve();
    return served;
  } catch (error) {
    await served.close();
    throw error;
  }
}
