// Runs iperf3 from the first host to the second, or in reverse, and returns the rate at which data arrived.
import { until } from './scope.mjs';

export async function iperf([from, to], { protocol = 'tcp', streams = 1, reverse = false, seconds = 2, words = [] }) {
  to.start(['iperf3', '-s', '-p', '5201']);
  await until('iperf3', async () => (await to.run(['ss', '-Hltn', 'sport = 5201'])) !== '');
  const command = ['iperf3', '-c', to.address, '-p', '5201', '-t', seconds, '-P', streams, '-J'];
  if (reverse) command.push('-R');
  if (protocol === 'udp') command.push('-u', '-b', '0', '-l', '1400');
  const { end } = JSON.parse(await from.run([...command, ...words], { timeoutMs: 60_000 }));
  if (protocol === 'tcp')
    return { gbits: end.sum_received.bits_per_second / 1e9, retransmits: end.sum_sent.retransmits };
  const { bits_per_second: bits, lost_percent: lost } = end.sum;
  return { gbits: (bits * (1 - lost / 100)) / 1e9, lost };
}
