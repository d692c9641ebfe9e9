// Runs iperf3, and reads its results: the rate at which data arrived, how many bytes arrived, and the CPU time of the
// switch for each MiB of them.
import { cpuNanoseconds } from './process.mjs';
import { until } from './scope.mjs';

/** Runs iperf3 from the first host to the second, or in reverse. `pids` are the processes whose CPU time counts. */
export async function iperf([from, to], { protocol = 'tcp', streams = 1, reverse = false, pids, ...options } = {}) {
  const { seconds = 2, words = [] } = options;
  await serveIperf(to);
  const command = ['iperf3', '-c', to.address, '-p', '5201', '-t', seconds, '-P', streams, '-J'];
  if (reverse) command.push('-R');
  if (protocol === 'udp') command.push('-u', '-b', '0', '-l', '1400');
  const run = async () => {
    const { end } = JSON.parse(await from.run([...command, ...words], { timeoutMs: 60_000 }));
    return protocol === 'tcp' ? tcpResult(end) : udpResult(end);
  };
  return pids ? withCpu(pids, run) : run();
}

/** Starts iperf3's server on a host, and waits until it listens. */
export async function serveIperf(host) {
  host.start(['iperf3', '-s', '-p', '5201']);
  await until('iperf3', async () => (await host.run(['ss', '-Hltn', 'sport = 5201'])) !== '');
}

/** Returns the result of `run`, with the CPU time that the processes used meanwhile for each MiB that arrived. */
export async function withCpu(pids, run) {
  const before = cpuNanoseconds(pids);
  const result = await run();
  return { ...result, cpu: (cpuNanoseconds(pids) - before) / 1e6 / (result.bytes / 2 ** 20) };
}

export function tcpResult({ sum_received: { bits_per_second: bits, bytes }, sum_sent: { retransmits } }) {
  return { gbits: bits / 1e9, bytes, retransmits };
}

function udpResult({ sum: { bits_per_second: bits, bytes, lost_percent: lost } }) {
  const arrived = 1 - lost / 100;
  return { gbits: (bits * arrived) / 1e9, bytes: bytes * arrived, lost };
}
