// Runs iperf3 from the first host to the second, or in reverse, and returns the rate at which data arrived and how many
// bytes arrived.
import { until } from './scope.mjs';

export async function iperf([from, to], { protocol = 'tcp', streams = 1, reverse = false, seconds = 2, words = [] }) {
  to.start(['iperf3', '-s', '-p', '5201']);
  await until('iperf3', async () => (await to.run(['ss', '-Hltn', 'sport = 5201'])) !== '');
  const command = ['iperf3', '-c', to.address, '-p', '5201', '-t', seconds, '-P', streams, '-J'];
  if (reverse) command.push('-R');
  if (protocol === 'udp') command.push('-u', '-b', '0', '-l', '1400');
  const { end } = JSON.parse(await from.run([...command, ...words], { timeoutMs: 60_000 }));
  if (protocol === 'tcp') {
    const { bits_per_second: bits, bytes } = end.sum_received;
    return { gbits: bits / 1e9, bytes, retransmits: end.sum_sent.retransmits };
  }
  const { bits_per_second: bits, bytes, lost_percent: lost } = end.sum;
  const arrived = 1 - lost / 100;
  return { gbits: (bits * arrived) / 1e9, bytes: bytes * arrived, lost };
}
