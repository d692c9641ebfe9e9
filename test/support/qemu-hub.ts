// QEMU without a guest: two of its backends on one of its hubs. What one receives the other sends, which here is a stream to
// the test. Up in a tenth of a second.
import { type Started, start } from './process.ts';
import { type StreamPeer, StreamServer } from './stream-peer.ts';
import { temporaryDirectory } from './temporary.ts';

export class QemuHub {
  readonly qemu: Started;
  /** What is beyond QEMU. */
  readonly far: StreamPeer;

  private constructor(qemu: Started, far: StreamPeer) {
    this.qemu = qemu;
    this.far = far;
  }

  /** `backend` as QEMU's -netdev has it, without an id. */
  static async start(backend: string): Promise<QemuHub> {
    const path = `${temporaryDirectory()}/far`;
    const server = await StreamServer.listen({ path });
    const qemu = start('qemu-system-x86_64', [
      ...['-M', 'none', '-nodefaults', '-display', 'none'],
      ...['-netdev', `${backend},id=near`, '-netdev', 'hubport,id=h1,hubid=1,netdev=near'],
      ...['-netdev', `stream,id=far,addr.type=unix,addr.path=${path}`, '-netdev', 'hubport,id=h2,hubid=1,netdev=far'],
    ]);
    const far = await Promise.race([server.peer(), qemu.exited.then(() => undefined)]);
    if (!far) throw new Error(`QEMU ended: ${qemu.stderr()}`);
    return new QemuHub(qemu, far);
  }
}
