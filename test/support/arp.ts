// ARP (RFC 826) for IPv4 over Ethernet.

export interface ArpRequest {
  mac: string;
  from: string;
  to: string;
}

/** A broadcast frame, without padding, that asks who has the address `to`. */
export function arpRequest({ mac, from, to }: ArpRequest): Buffer {
  const sender = mac.replaceAll(':', '');
  const [source, target] = [from, to].map((ip) => Buffer.from(ip.split('.').map(Number)).toString('hex'));
  return Buffer.from(`ffffffffffff${sender}08060001080006040001${sender}${source}${'00'.repeat(6)}${target}`, 'hex');
}

/** Matches output that has, among other bytes, the answer of `ip` in a frame. Bytes that are not UTF-8 may be lost. */
export function arpReply(ip: string): RegExp {
  const address = ip.split('.').map((byte) => `\\x${Number(byte).toString(16).padStart(2, '0')}`);
  return new RegExp(`\\x08\\x06\\x00\\x01\\x08\\x00\\x06\\x04\\x00\\x02[\\s\\S]{1,6}${address.join('')}`);
}
