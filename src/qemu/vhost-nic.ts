// A NIC that is connected by vhost-user: it must be a virtio-net device, and some QEMUs must not give it MSI-X vectors.
import { SwitchError } from '../protocol/errors.ts';
import { type Settings, withoutKeys } from './net-option.ts';

/** How the NICs of a command line are written. */
export interface VhostNicOptions {
  /** Whether a NIC without a model becomes a virtio-net device; otherwise it is refused. */
  chooseModel: boolean;
  /** Whether the NICs must have vectors=0: QEMU 7.2 crashes with other values when it emulates the CPU. */
  withoutVectors: boolean;
}

/** Devices that are not on PCI, and so have no vectors. */
const WITHOUT_VECTORS = /-(device|ccw)$/;

/** Returns the model of a `-net nic`. Throws SwitchError EINVAL unless it is a virtio-net device. */
export function vhostModel(model: string | undefined, { chooseModel }: VhostNicOptions): string {
  if (model === undefined && chooseModel) return 'virtio';
  if (model === undefined) throw refused('a NIC has no model=');
  if (!/^virtio(-net(-.+)?)?$/.test(model)) throw refused(`a NIC has model=${model}`);
  return model;
}

/** Throws SwitchError EINVAL unless the driver of a `-device` is a virtio-net device. */
export function checkVhostDriver(driver: string): void {
  if (!/^virtio-net(-.+)?$/.test(driver)) throw refused(`a NIC has the driver ${driver}`);
}

/** Returns the NIC's settings, with vectors=0 if that is necessary. */
export function vhostNicSettings(driver: string, settings: Settings, { withoutVectors }: VhostNicOptions): Settings {
  if (!withoutVectors || WITHOUT_VECTORS.test(driver)) return settings;
  return [...withoutKeys(settings, 'vectors'), ['vectors', '0']];
}

function refused(why: string): SwitchError {
  return new SwitchError(
    'EINVAL',
    `vhost-user needs a virtio-net device, and ${why}: write model=virtio or -device virtio-net-pci`,
  );
}
