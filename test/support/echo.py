# An echo service over TCP and UDP, and its client: echo.py (serve | ask) ADDRESS PORT. The client sends messages so
# short that their frames are padded, a megabyte over TCP, and ends with an error unless everything comes back intact.
import random, socket, sys, threading

role, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def answer(stream):
    while piece := stream.recv(65536):
        stream.sendall(piece)
    stream.close()


def serve_tcp(server):
    while True:
        stream, _ = server.accept()
        threading.Thread(target=answer, args=(stream,), daemon=True).start()


def serve():
    threading.Thread(target=serve_tcp, args=(socket.create_server((address, port)),), daemon=True).start()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((address, port))
    print('SERVING', flush=True)
    while True:
        datagram, peer = datagrams.recvfrom(65536)
        datagrams.sendto(datagram, peer)


def receive(stream, size):
    data = b''
    while len(data) < size:
        piece = stream.recv(1 << 20)
        assert piece, f'the end after {len(data)} of {size} bytes'
        data += piece
    return data


def ask_tcp():
    stream = socket.create_connection((address, port), timeout=10)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    source = random.Random(1)
    for size in [*range(1, 10), 100, 1 << 20]:
        data = source.randbytes(size)
        sender = threading.Thread(target=stream.sendall, args=(data,))
        sender.start()
        assert receive(stream, size) == data, f'{size} bytes came back changed'
        sender.join()
    stream.shutdown(socket.SHUT_WR)
    assert stream.recv(1) == b'', 'there is more than was sent'


def ask_udp():
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.settimeout(10)
    datagrams.connect((address, port))
    for size in [*range(20), 1400]:
        data = random.Random(size).randbytes(size)
        datagrams.send(data)
        assert datagrams.recv(65536) == data, f'a datagram of {size} bytes came back changed'


if role == 'serve':
    serve()
else:
    ask_tcp()
    ask_udp()
    print('intact', flush=True)
