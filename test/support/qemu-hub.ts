// QEMU without a guest: a hub with the backend under test and a stream to the test. A frame that either of them
// receives is sent by the other. QEMU starts in a tenth of a second.
import { type Started, start } from './process.ts';
import { type StreamPeer, StreamServer } from './stream-peer.ts';
import { temporaryDirectory } from './temporary.ts';

export class QemuHub {
  readonly qemu: Started;
  /** The test's end of the stream. */
  readonly far: StreamPeer;

  private constructor(qemu: Started, far: StreamPeer) {
    this.qemu = qemu;
    this.far = far;
  }

  /** `backend` is a value of QEMU's -netdev, without an id. */
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
