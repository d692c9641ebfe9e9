// QEMU's classic `socket`: a TCP connection in either role, a UDP peer, or an IPv4 multicast group.
import { SwitchError } from '../../protocol/errors.ts';
import { Connector } from '../connector.ts';
import { openMulticast, openUdp } from '../datagram.ts';
import { hostPort } from '../internet.ts';
import { flag, number, text } from '../keys.ts';
import { defineKind } from '../kind.ts';
import { Listener } from '../listener.ts';
import { MAX_CLIENTS, maxClientsKey, RECONNECT_MS, reconnectKey } from './stream.ts';

export const socket = defineKind({
  name: 'socket',
  help: "frames over TCP, UDP or multicast, as QEMU's socket: one of listen, connect, udp and mcast",
  keys: {
    listen: { value: hostPort, help: 'the address to accept clients on; without a host, all addresses' },
    connect: { value: hostPort, help: 'the address to connect to, again whenever the connection is lost' },
    udp: { value: hostPort, help: 'the single peer; datagrams from other senders are dropped' },
    mcast: { value: hostPort, help: 'an IPv4 group and port, whose members share one network' },
    localaddr: {
      value: text,
      goesWith: ['udp', 'mcast'],
      help: 'udp: HOST:PORT to receive on; mcast: an address of the interface to use',
    },
    ttl: {
      value: number(0, 255),
      goesWith: ['mcast'],
      help: "the group's IP time to live: 1 stays on the local network; default 1",
    },
    'keep-alive': {
      value: flag,
      goesWith: ['listen', 'connect'],
      help: 'let the kernel detect that a silent peer is gone',
    },
    'max-clients': { ...maxClientsKey, goesWith: ['listen'] },
    'reconnect-ms': { ...reconnectKey, goesWith: ['connect'] },
  },
  open({ listen, connect, udp, mcast, ...values }, host) {
    if ([listen, connect, udp, mcast].filter((wanted) => wanted !== undefined).length !== 1)
      throw new SwitchError('EINVAL', 'socket: give exactly one of listen, connect, udp and mcast');
    const inet = { type: 'inet', family: 0, keepAlive: values['keep-alive'] ?? false } as const;
    if (listen) {
      const maxClients = values['max-clients'] ?? MAX_CLIENTS;
      return Listener.open(host, { ...inet, ...listen }, { maxClients, permissions: { mode: 0o600 } });
    }
    if (connect)
      return Connector.open(host, { ...inet, ...connect }, { reconnectMs: values['reconnect-ms'] ?? RECONNECT_MS });
    if (mcast) return openMulticast(host, mcast, { localAddress: values.localaddr, ttl: values.ttl });
    const local = hostPort.parse(values.localaddr ?? '');
    if (!local) throw new SwitchError('EINVAL', `socket: udp needs localaddr=, which must be ${hostPort.what}`);
    return openUdp(host, local, udp!);
  },
});
