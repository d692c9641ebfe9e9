# Bytes both ways over TCP, and what arrived. transfer.py listen ADDRESS | connect ADDRESS, then how many megabytes each way
# and a seed; prints what it sent and what it got as SHA-256.
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
        # Odd sizes among them, so that segments are of all lengths.
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
