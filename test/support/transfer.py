# Sends bytes both ways over TCP: transfer.py (listen | connect) ADDRESS MEGABYTES SEED. Prints the SHA-256 of the bytes
# sent and of the bytes received.
import hashlib, random, socket, sys, threading

role, address, megabytes, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
family = socket.AF_INET6 if ':' in address else socket.AF_INET
if role == 'listen':
    listening = socket.create_server((address, 5000), family=family)
    print('listening', flush=True)
    stream, _ = listening.accept()
else:
    stream = socket.create_connection((address, 5000))
source = random.Random(seed)
sent, received = hashlib.sha256(), hashlib.sha256()


def send():
    for _ in range(megabytes * 4):
        # The sizes vary and may be odd, so that segments have all lengths.
        piece = source.randbytes(262144 - source.randrange(1000))
        sent.update(piece)
        stream.sendall(piece)
    stream.shutdown(socket.SHUT_WR)


sender = threading.Thread(target=send)
sender.start()
while piece := stream.recv(1 << 18):
    received.update(piece)
sender.join()
print(f'sent {sent.hexdigest()} received {received.hexdigest()}', flush=True)
