// Under which name a program of ours runs: as in ps and pidof, and in what /proc shows of its arguments, as its user typed them.
import { setArguments, setProcessName } from '../process.ts';

/** By a name of vde2's the arguments begin with that name; by our own they stay as they are. */
export function takeName(name: string, argv?: readonly string[]): void {
  setProcessName(name);
  if (argv) setArguments([name, ...argv]);
}
