// Contains serveConsole(), a console for programs that embed a switch. tsvde itself uses server.ts.
import { checkOptions } from '../protocol/options.ts';
import type { Switch } from '../switch/switch.ts';
import { type SwitchServer, serverOf } from '../switch/switch-server.ts';

/** Where a console is served, and to whom. */
export interface ConsoleOptions {
  /** The path of the console's unix socket. */
  path: string;
  /** Permissions of the socket. Anyone who may connect may use every command. Default 0o600. */
  mode?: number;
  /** The name of the group that the socket belongs to. */
  group?: string;
  /** Called by the command `shutdown`; default: closes the switch. */
  shutdown?: () => void;
}

const OPTIONS = { path: true, mode: true, group: true, shutdown: true } satisfies Record<keyof ConsoleOptions, true>;

/**
 * Serves the management console of a switch on a unix socket, for tsvdectl, unixterm and similar programs. Throws
 * SwitchError EADDRINUSE if the path is served already, EEXIST if another kind of file is there, ENAMETOOLONG if the
 * path is too long, EIO if the socket cannot be bound for another reason, EINVAL for wrong options, and ENODEV once the
 * switch is closed.
 */
export async function serveConsole(sw: Switch, options: ConsoleOptions): Promise<SwitchServer> {
  checkOptions(options, OPTIONS);
  // These modules are loaded on demand, since a program that only uses a plug needs no console.
  const [{ createContext }, { ConsoleServer }, { VDE_VERSION }] = await Promise.all([
    import('./context.ts'),
    import('./server.ts'),
    import('../system/version.ts'),
  ]);
  const { path, mode = 0o600, group, shutdown = () => void sw.close() } = options;
  const context = createContext({
    switch: sw,
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
