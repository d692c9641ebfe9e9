// QEMU without an operating system at a vhost-user port: iPXE, its firmware for network cards, as the driver; and
// QEMU's refusal of snapshots and migration, which the manual states.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { start } from '../support/process.ts';
import { temporaryDirectory } from '../support/temporary.ts';
import { startTsvde } from '../support/tsvde.ts';

/** QEMU's arguments for a guest that boots from the network. */
function firmware(socket: string): string[] {
  return [
    ...['-accel', 'tcg', '-nodefaults', '-display', 'none', '-no-reboot', '-boot', 'n', '-m', '64'],
    ...['-object', 'memory-backend-memfd,id=ram,size=64M,share=on', '-machine', 'pc,memory-backend=ram'],
    ...['-chardev', `socket,id=switch,path=${socket}`, '-netdev', 'vhost-user,id=net,chardev=switch'],
    // Without vectors=0, QEMU 7.2 fails when the CPU is emulated.
    ...['-device', 'virtio-net-pci,netdev=net,vectors=0'],
  ];
}

describeWith(['qemu-system-x86_64'], 'QEMU by vhost-user', () => {
  test('iPXE gets an address, downloads a script of many packets and runs it', { timeout: 120_000 }, async () => {
    const home = temporaryDirectory();
    const served = `${home}/tftp`;
    mkdirSync(served);
    // With -no-reboot, QEMU ends when the script reboots the guest.
    writeFileSync(`${served}/script.ipxe`, `#!ipxe\n${'# This line makes the script longer.\n'.repeat(2000)}reboot\n`);
    for (const path of [home, served]) chmodSync(path, 0o755);
    await startTsvde(
      [
        ...['--port', `vhost-user,server=on,path=${home}/vu`],
        ...['--port', `user,tftp=${served},bootfile=script.ipxe`],
      ],
      { cwd: home },
    );
    const qemu = start('qemu-system-x86_64', firmware(`${home}/vu`));
    expect(await qemu.exited).toEqual({ code: 0, signal: null });
  });

  test('savevm and migrate are refused', async () => {
    const home = temporaryDirectory();
    await startTsvde(['--port', `vhost-user,server=on,path=${home}/vu`], { cwd: home });
    const qemu = start('qemu-system-x86_64', [...firmware(`${home}/vu`), '-S', '-monitor', 'stdio']);
    qemu.stdin.write('savevm one\nmigrate exec:cat\n');
    await qemu.output(/Migration disabled: vhost-user[\s\S]*Migration disabled: vhost-user/);
  });
});
