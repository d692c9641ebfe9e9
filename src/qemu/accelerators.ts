// Tells from the options of a command line whether QEMU may emulate the guest's CPU.
import type { LineOption } from './line-options.ts';
import { setting } from './net-option.ts';

/**
 * Returns false if KVM is the only accelerator that the options allow, and true otherwise: QEMU's default is emulation.
 */
export function mayEmulate(options: readonly LineOption[]): boolean {
  const accelerators = options.flatMap(({ name, settings }) => {
    if (name === 'enable-kvm') return ['kvm'];
    return name === 'accel' || name === 'machine' ? (setting(settings, 'accel')?.split(':') ?? []) : [];
  });
  return accelerators.length === 0 || accelerators.some((accelerator) => accelerator !== 'kvm');
}
