// Serves routes for a program's own switch: the common part of serveMetrics() and servePage().
import type { Switch } from '../switch/switch.ts';
import { type SwitchServer, serverOf } from '../switch/switch-server.ts';
import type { Log } from '../system/log.ts';
import { type HttpOptions, type HttpServer, startHttp } from './server.ts';

interface Service extends Pick<HttpOptions, 'address' | 'routes' | 'what'> {
  /** Returns the address for users, given that of the server. */
  url: (address: string) => string;
  /** Called once the switch has taken the server. */
  started?: (server: HttpServer, log: Log) => void;
  /** Called before the server closes. */
  close?: () => void;
}

/** Throws SwitchError if the address cannot be bound, and ENODEV once the switch is closed. */
export async function serveRoutes(sw: Switch, service: Service): Promise<SwitchServer> {
  const { address, routes, what, url, started, close } = service;
  const log: Log = (message, level) => void sw.emit('log', message, level);
  const server = await startHttp({ address, routes, what, log });
  const closeAll = async () => {
    close?.();
    await server.close();
  };
  try {
    const served = serverOf(sw, url(server.address), closeAll);
    started?.(server, log);
    return served;
  } catch (error) {
    await closeAll();
    throw error;
  }
}
