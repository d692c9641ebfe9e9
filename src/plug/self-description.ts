// The description that our own clients send, in libvdeplug's form; port/print shows it.
import { userName } from '../system/accounts.ts';

/** Returns `tsvdeq user=root pid=7`, over ssh with the address of its client. */
export function selfDescription(
  program: string,
  environment: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): string {
  const from = environment.SSH_CLIENT?.split(' ')[0];
  return `${program} user=${userName(process.geteuid?.())} pid=${pid}${from ? ` SSH=${from}` : ''}`;
}
