// Runs iperf3 from the first host to the second, or in reverse, and returns the rate at which data arrived, how many
// bytes arrived and, with `pids`, the CPU time of these processes for each MiB of them.
import { cpuNanoseconds } from './process.mjs';
import { until } from './scope.mjs';

export async function iperf([from, to], { protocol = 'tcp', streams = 1, reverse = false, pids, ...options } = {}) {
  const { seconds = 2, words = [] } = options;
  to.start(['iperf3', '-s', '-p', '5201']);
  await until('iperf3', async () => (await to.run(['ss', '-Hltn', 'sport = 5201'])) !== '');
  const command = ['iperf3', '-c', to.address, '-p', '5201', '-t', seconds, '-P', streams, '-J'];
  if (reverse) command.push('-R');
  if (protocol === 'udp') command.push('-u', '-b', '0', '-l', '1400');
  const before = pids && cpuNanoseconds(pids);
  const { end } = JSON.parse(await from.run([...command, ...words], { timeoutMs: 60_000 }));
  const result = protocol === 'tcp' ? tcpResult(end) : udpResult(end);
  return pids ? { ...result, cpu: (cpuNanoseconds(pids) - before) / 1e6 / (result.bytes / 2 ** 20) } : result;
}

function tcpResult({ sum_received: { bits_per_second: bits, bytes }, sum_sent: { retransmits } }) {
  return { gbits: bits / 1e9, bytes, retransmits };
}

function udpResult({ sum: { bits_per_second: bits, bytes, lost_percent: lost } }) {
  const arrived = 1 - lost / 100;
  return { gbits: (bits * arrived) / 1e9, bytes: bytes * arrived, lost };
}
