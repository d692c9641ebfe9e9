// TAP interfaces: attaches one queue to an existing TAP, or creates a TAP. The switch neither brings the interface up
// nor gives it addresses.
import { readdirSync } from 'node:fs';
import { SwitchError } from '../../protocol/errors.ts';
import { describeError } from '../../system/errno.ts';
import { native } from '../../system/native.ts';
import { flag, type ValueType } from '../keys.ts';
import { defineKind } from '../kind.ts';

/** The longest name of an interface: IFNAMSIZ without the NUL. */
const NAME_MAX = 15;

const interfaceName: ValueType<string> = { what: 'the name of an interface', parse: (text) => text };

export const tap = defineKind({
  name: 'tap',
  help: 'a TAP interface of this machine, created if it does not exist',
  keys: {
    ifname: { value: interfaceName, fallback: '', help: "the interface's name; if empty, the kernel chooses a name" },
    vnet_hdr: {
      value: flag,
      fallback: true,
      help: 'checksum and segmentation offloads (virtio-net header), if the kernel has them',
    },
  },
  open({ ifname, vnet_hdr: vnetHdr }, host) {
    const reservation = host.reserve();
    const { fd, name } = openTap(ifname, vnetHdr);
    reservation.attach({
      transport: { kind: 'tap', fd },
      description: name,
      ended(why) {
        host.log(`port ${reservation.port}: ${name} can no longer be used and is closed: ${why}`, 'warning', {
          port: reservation.port,
          description: name,
          reason: why,
        });
        host.end();
      },
    });
    return { close: () => reservation.release() };
  },
});

/**
 * Opens a TAP. The kernel chooses the number if `name` is empty or contains %d. With `offloads`, offloads are enabled
 * if the kernel supports them. Throws SwitchError, which names the interface.
 */
function openTap(name: string, offloads: boolean): { fd: number; name: string } {
  if (Buffer.byteLength(name) > NAME_MAX) {
    throw new SwitchError(
      'EINVAL',
      `cannot attach the TAP '${name}': an interface's name has at most ${NAME_MAX} bytes`,
    );
  }
  let tap: ReturnType<typeof native.openTap>;
  try {
    tap = native.openTap(name, offloads);
  } catch (error) {
    throw new SwitchError('EIO', `cannot attach the TAP '${name}': ${explain(error as NodeJS.ErrnoException)}`);
  }
  if (tap.multiQueue && countQueues(tap.name) > 1) {
    native.closeDescriptor(tap.fd);
    throw new SwitchError(
      'EIO',
      `cannot attach the TAP '${name}': Device or resource busy; another process has a queue of it, which would take a part of the frames`,
    );
  }
  return tap;
}

/** Returns how many queues are attached to an interface; 0 if sysfs does not show it. */
function countQueues(name: string): number {
  try {
    return readdirSync(`/sys/class/net/${name}/queues`).filter((queue) => queue.startsWith('rx-')).length;
  } catch {
    return 0;
  }
}

function explain(error: NodeJS.ErrnoException): string {
  const why = describeError(error);
  if (error.syscall === 'open')
    return `/dev/net/tun cannot be opened: ${why}; load the tun module, or run where the device is`;
  switch (error.code) {
    case 'EPERM':
      return `${why}; /dev/net/tun wants root, CAP_NET_ADMIN (after the start only with --tap-at-runtime), or an interface made for this user (ip tuntap add mode tap user …)`;
    case 'EBUSY':
      return `${why}; another process has it`;
    case 'EINVAL':
      return `${why}; an interface of that name is not a TAP, or the name is not allowed`;
    default:
      return why;
  }
}
