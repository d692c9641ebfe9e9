// The socket of a process that was killed: its file is there, and nobody listens.
import { native } from '../../src/system/native.ts';

export function staleSocket(path: string): void {
  native.closeDescriptor(native.listenUnix(path));
}
