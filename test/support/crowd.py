"""A hostile user: crowd.py DIRECTORY CONSOLE METRICS-PORT. Executes each line of standard input, and prints its value.

Everything that is opened stays open, and nothing is read but the replies to joins. Ends with standard input.
"""
import os, resource, socket, struct, sys, time

directory, console, metrics = sys.argv[1:]
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
kept = []
ports = 32


def opened(family, address, text):
    s = socket.socket(family, socket.SOCK_STREAM)
    try:
        s.connect(address)
        s.setblocking(False)
        s.send(text)
    except OSError:
        s.close()
        return False
    kept.append(s)
    return True


def join(number):
    own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = '%s/.%05d-%05d' % (directory, os.getpid(), number)
    own.bind(path)
    port = 1 + number % ports
    request = struct.pack('=III', 0xfeedface, 3, port << 8) + struct.pack('=H108s', socket.AF_UNIX, path.encode())
    try:
        control.connect(directory + '/ctl')
        control.send(request + b'crowd' * 25)
        reply = control.recv(200)
        own.connect(reply[2:].rstrip(b'\0').decode())
    except OSError:
        return False
    finally:
        os.unlink(path)
    kept.append((own, control))
    return True


def joins(count):
    return sum(join(number) for number in range(count))


def unfinished(count):
    return sum(opened(socket.AF_UNIX, directory + '/ctl', b'\xce\xfa\xed\xfe') for _ in range(count))


def flood(count, size):
    own = kept[0][0]
    own.setblocking(False)
    frame = (b'\xff' * 6 + b'\x02\0\0\0\0\1\x88\xb5').ljust(size, b'x')
    sent = 0
    while sent < count:
        try:
            own.send(frame)
            sent += 1
        except BlockingIOError:
            time.sleep(.001)
    return sent


def sessions(count, lines):
    return sum(opened(socket.AF_UNIX, console, lines) for _ in range(count))


def scrapes(count, path):
    address = ('127.0.0.1', int(metrics))
    return sum(opened(socket.AF_INET, address, b'GET %s HTTP/1.1\r\nHost: x\r\n\r\n' % path * 4000) for _ in range(count))


for line in sys.stdin:
    print(line.strip(), '->', eval(line), flush=True)
os._exit(0)
