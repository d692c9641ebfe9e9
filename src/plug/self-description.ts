// What a client of ours says of itself, as libvdeplug's do: port/print shows it.
import { userName } from '../system/accounts.ts';

/** `tsvdeq user=root pid=7`, and over ssh from where. */
export function selfDescription(program: string, environment: NodeJS.ProcessEnv = process.env): string {
  const from = environment.SSH_CLIENT?.split(' ')[0];
  return `${program} user=${userName(process.geteuid?.())} pid=${process.pid}${from ? ` SSH=${from}` : ''}`;
}
