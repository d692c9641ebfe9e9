// Runs native/bench/load on a fresh switch of a peer, after `setting.started()` if that is given. Computes the frame
// rate, the CPU time per frame and the share of delivered frames from the figures that load prints. The control
// directory is in `directory` unless the setting names one.
import { join } from 'node:path';
import { native } from './native.mjs';

export async function load(scope, peer, role, words, setting = {}) {
  const { directory = join(scope.directory(), 'ctl') } = setting;
  const { pids } = await peer.start(scope, { ...setting, directory });
  await setting.started?.();
  const given = Object.entries({ ...words, pid: pids[0] }).map(([key, value]) => `${key}=${value}`);
  const got = JSON.parse(await scope.run([native('load'), directory, role, ...given]));
  return {
    ...got,
    rate: got.delivered / got.seconds / 1000,
    cpu: got.cpuNs / got.delivered / 1000,
    share: (100 * got.delivered) / got.accepted,
  };
}
