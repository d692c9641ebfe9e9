// TCP and UDP datagrams as a kernel hands them to a device with offloads: a virtio-net header (virtio 1.2, section
// 5.1.6), then one frame with a partial checksum. A payload longer than a segment makes the frame stand for several.

export interface DatagramOptions {
  six?: boolean;
  udp?: boolean;
  /** VLAN tags, the outer one first. */
  tags?: readonly number[];
  /** The length of the IPv4 options in bytes: a multiple of 4. */
  ipOptions?: number;
  tcpOptions?: number;
  flags?: number;
  tos?: number;
  id?: number;
  sequence?: number;
  segment?: number;
  payload: Buffer;
}

const ADDRESSES = {
  four: Buffer.from([10, 9, 0, 1, 10, 9, 0, 2]),
  six: Buffer.from('fd090000000000000000000000000001fd090000000000000000000000000002', 'hex'),
};

/** The virtio-net header and the frame, as a packet socket takes them. */
export function datagram(options: DatagramOptions): Buffer {
  const { six = false, udp = false, tags = [], segment = 1448, payload } = options;
  const transport = udp ? udpHeader(payload.length) : tcpHeader(options);
  const length = transport.length + payload.length;
  const ip = six ? ip6Header(options, length) : ip4Header(options, length);
  const pseudo = Buffer.alloc(4);
  pseudo.writeUInt16BE(udp ? 17 : 6, 0);
  pseudo.writeUInt16BE(length, 2);
  transport.writeUInt16BE(onesSum(Buffer.concat([six ? ADDRESSES.six : ADDRESSES.four, pseudo])), udp ? 6 : 16);
  const ethernet = Buffer.from('020000000002020000000001', 'hex');
  const frame = Buffer.concat([
    ethernet,
    ...tags.map((vlan) => Buffer.from([0x81, 0, vlan >> 8, vlan & 0xff])),
    Buffer.from(six ? '86dd' : '0800', 'hex'),
    ip,
  ]);
  const header = Buffer.alloc(10);
  const several = payload.length > segment;
  header[0] = 1; // the checksum is to be completed
  header[1] = several ? (udp ? 5 : six ? 4 : 1) : 0;
  header.writeUInt16LE(frame.length + transport.length, 2);
  header.writeUInt16LE(several ? segment : 0, 4);
  header.writeUInt16LE(frame.length, 6);
  header.writeUInt16LE(udp ? 6 : 16, 8);
  return Buffer.concat([header, frame, transport, payload]);
}

/**
 * Returns the options of a random datagram with segments of at most `most` bytes. `random` returns a number below its
 * argument.
 */
export function randomDatagram(random: (below: number) => number, most = 1400): DatagramOptions {
  const udp = random(3) === 0;
  const segment = random(6) === 0 ? 1 + random(200) : 200 + random(most - 200);
  const payload = Buffer.alloc(1 + random(segment * (udp ? 20 : 40)));
  for (let i = 0; i < payload.length; i++) payload[i] = random(256);
  return {
    six: random(2) === 0,
    udp,
    tags: random(3) === 0 ? [1 + random(4000)] : [],
    ipOptions: random(4) === 0 ? 4 * random(11) : 0,
    tcpOptions: 4 * random(11),
    flags: 0x10 | [0, 0, 0x08, 0x01, 0x40][random(5)]!,
    tos: random(256),
    id: random(65536),
    sequence: random(2 ** 32),
    segment: Math.max(segment, udp ? 1 : 40),
    payload,
  };
}

/** The ones' complement sum of 16-bit words (RFC 1071); it is 0xffff over bytes that include their correct checksum. */
export function onesSum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

function ip4Header({ udp = false, ipOptions = 0, tos = 0, id = 0 }: DatagramOptions, length: number): Buffer {
  const ip = Buffer.alloc(20 + ipOptions, 1); // no-operation options
  ip.fill(0, 0, 20);
  ip[0] = 0x40 + ip.length / 4;
  ip[1] = tos;
  ip.writeUInt16BE(ip.length + length, 2);
  ip.writeUInt16BE(id, 4);
  ip.writeUInt16BE(0x4000, 6);
  ip[8] = 64;
  ip[9] = udp ? 17 : 6;
  ip.set(ADDRESSES.four, 12);
  ip.writeUInt16BE(~onesSum(ip) & 0xffff, 10);
  return ip;
}

function ip6Header({ udp = false, tos = 0 }: DatagramOptions, length: number): Buffer {
  const ip = Buffer.alloc(40);
  ip.writeUInt32BE((0x60000000 | (tos << 20) | 0xabcde) >>> 0, 0);
  ip.writeUInt16BE(length, 4);
  ip[6] = udp ? 17 : 6;
  ip[7] = 64;
  ip.set(ADDRESSES.six, 8);
  return ip;
}

function tcpHeader({ tcpOptions = 0, flags = 0x10, sequence = 0 }: DatagramOptions): Buffer {
  const tcp = Buffer.alloc(20 + tcpOptions, 1);
  tcp.fill(0, 0, 20);
  tcp.writeUInt16BE(40000, 0);
  tcp.writeUInt16BE(5201, 2);
  tcp.writeUInt32BE(sequence, 4);
  tcp.writeUInt32BE(0x01020304, 8);
  tcp[12] = (tcp.length / 4) << 4;
  tcp[13] = flags;
  tcp.writeUInt16BE(502, 14);
  return tcp;
}

function udpHeader(payload: number): Buffer {
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(40000, 0);
  udp.writeUInt16BE(5201, 2);
  udp.writeUInt16BE(8 + payload, 4);
  return udp;
}
