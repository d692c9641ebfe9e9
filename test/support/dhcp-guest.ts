// A guest that consists of a plug and speaks DHCP itself. A test can have many such guests, each with its own MAC
// address, and needs no privilege.
import { arpRequest } from './arp.ts';
import { Recorder } from './network.ts';
import { sealed } from './sealed.ts';
import { until } from './wait.ts';

const KINDS = { discover: 1, request: 3, release: 7 } as const;
const ZERO = '0.0.0.0';

export class DhcpGuest {
  readonly mac: string;
  readonly recorder: Recorder;
  #xid = 0;

  private constructor(mac: string, recorder: Recorder) {
    this.mac = mac;
    this.recorder = recorder;
  }

  static async join(directory: string, mac: string): Promise<DhcpGuest> {
    return new DhcpGuest(mac, await Recorder.join(directory));
  }

  /** Sends a DHCP message and returns its transaction ID. `own` is the address that the guest has already. */
  ask(kind: keyof typeof KINDS, { own = ZERO, wanted }: { own?: string; wanted?: string } = {}): number {
    const mac = Buffer.from(this.mac.replaceAll(':', ''), 'hex');
    const xid = (mac.readUInt16BE(4) << 12) | ++this.#xid;
    const message = Buffer.alloc(300);
    message.set([1, 1, 6, 0]);
    message.writeUInt32BE(xid, 4);
    message.set(addressBytes(own), 12);
    message.set(mac, 28);
    message.set([99, 130, 83, 99, 53, 1, KINDS[kind], ...(wanted ? [50, 4, ...addressBytes(wanted)] : []), 255], 236);
    const header = Buffer.from('4500014800000000401100000000000000000000004400430134 0000'.replaceAll(' ', ''), 'hex');
    header.set(addressBytes(own), 12);
    header.set(addressBytes('255.255.255.255'), 16);
    const ethernet = Buffer.from([...Buffer.alloc(6, 0xff), ...mac, 8, 0]);
    this.recorder.send(sealed(Buffer.concat([ethernet, header, message])));
    return xid;
  }

  /** The answer to a transaction, if it has arrived: `offer`, `ack` or `nak`, and the address. */
  answer(xid: number): { kind: string; address: string } | undefined {
    const frame = this.recorder.frames.find(
      (bytes) => bytes.length >= 300 && bytes.readUInt16BE(34) === 67 && bytes.readUInt32BE(46) === xid,
    );
    if (!frame) return undefined;
    const kind = { 2: 'offer', 5: 'ack', 6: 'nak' }[frame[284]!] ?? `${frame[284]}`;
    return { kind, address: [...frame.subarray(58, 62)].join('.') };
  }

  /** Sends a request and resolves with the answer to it. */
  async asks(...request: Parameters<DhcpGuest['ask']>): Promise<string> {
    const xid = this.ask(...request);
    const { kind, address } = await until(() => this.answer(xid), `an answer to the ${request[0]} of ${this.mac}`);
    return `${kind} ${address}`;
  }

  /** Takes a lease, as a starting guest does. */
  async takeLease(): Promise<string> {
    const [, address = ''] = (await this.asks('discover')).split(' ');
    const answer = await this.asks('request', { wanted: address });
    if (answer !== `ack ${address}`) throw new Error(`${this.mac} asked for ${address} and got ${answer}`);
    return address;
  }

  /** Claims an address by ARP, as a guest without DHCP does. */
  claim(address: string): void {
    this.recorder.send(arpRequest({ mac: this.mac, from: address, to: address }));
  }

  /** How many ARP requests for this address the guest has received. */
  arpRequests(address: string): number {
    const target = Buffer.from(addressBytes(address));
    return this.recorder.frames.filter(
      (bytes) =>
        bytes.length >= 42 &&
        bytes.readUInt16BE(12) === 0x0806 &&
        bytes[21] === 1 &&
        bytes.subarray(38, 42).equals(target),
    ).length;
  }

  async leave(): Promise<void> {
    await this.recorder.plug.close();
  }
}

function addressBytes(address: string): number[] {
  return address.split('.').map(Number);
}
