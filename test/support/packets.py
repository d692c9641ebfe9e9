# Sends frames from an interface through a packet socket: packets.py INTERFACE. Each line of standard input is a
# virtio-net header and a frame, in hex. For each, a line on standard output says 'sent' or names the error.
import errno, socket, sys

PACKET_VNET_HDR = 15  # linux/if_packet.h
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
packets.setsockopt(263, PACKET_VNET_HDR, 1)  # 263 is SOL_PACKET
packets.bind((sys.argv[1], 0))
for line in sys.stdin:
    try:
        packets.send(bytes.fromhex(line.strip()))
        print('sent', flush=True)
    except OSError as error:
        print(errno.errorcode[error.errno], flush=True)
