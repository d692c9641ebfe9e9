// The description that our own clients send, in libvdeplug's format; port/print shows it.
import { userName } from '../system/accounts.ts';

/** Returns `tsvdeq user=root pid=7`; in an ssh session, the address of the ssh client is included. */
export function selfDescription(
  program: string,
  environment: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): string {
  const from = environment.SSH_CLIENT?.split(' ')[0];
  return `${program} user=${userName(process.geteuid?.())} pid=${pid}${from ? ` SSH=${from}` : ''}`;
}
