# Services of a host for guests in a test: names (UDP 53) and an echo (TCP 7), both on the loopback addresses of IPv4
# and IPv6, and an echo on a unix socket.
import socket, struct, sys, threading

def names(family, address):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((address, 53))
    while True:
        query, client = server.recvfrom(512)
        end = 12
        while query[end]:
            end += query[end] + 1
        asked_for_ipv4 = struct.unpack('>H', query[end + 1:end + 3])[0] == 1
        answer = b'\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4' + socket.inet_aton('192.0.2.77') if asked_for_ipv4 else b''
        head = query[:2] + b'\x81\x80\0\1' + (b'\0\1' if answer else b'\0\0') + b'\0\0\0\0'
        server.sendto(head + query[12:end + 5] + answer, client)

def echo(server):
    server.listen(512)
    while True:
        client, _ = server.accept()
        threading.Thread(target=answer, args=(client,), daemon=True).start()

def answer(client):
    try:
        while data := client.recv(65536):
            client.sendall(data)
    except OSError:
        pass
    client.close()

def bound(family, address):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    return server

servers = [bound(socket.AF_INET, ('127.0.0.1', 7)), bound(socket.AF_INET6, ('::1', 7)), bound(socket.AF_UNIX, sys.argv[1])]
for server in servers:
    threading.Thread(target=echo, args=(server,), daemon=True).start()
for name_server in [(socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')]:
    threading.Thread(target=names, args=name_server, daemon=True).start()
print('SERVING', flush=True)
threading.Event().wait()
