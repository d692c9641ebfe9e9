"""A hostile user: crowd.py DIRECTORY CONSOLE METRICS-PORT. Executes each line of standard input, and prints its value.

Follows JOIN of python.ts. Every connection that is answered stays open, and nothing is read but the replies to joins.
Ends with standard input.
"""
import os, resource, sys, time

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
    path = '%s/.%05d-%05d' % (directory, os.getpid(), number)
    own = data_socket(path)
    try:
        control, reply = ask(directory + '/ctl', path, 1 + number % ports, b'crowd' * 25)
        own.connect(address_in(reply))
    except OSError:
        return False
    finally:
        os.unlink(path)
    kept.append((own, control))
    return True


def joins(count):
    return sum(join(number) for number in range(count))


def unfinished(count):
    begun = len(kept)
    for _ in range(count):
        opened(socket.AF_UNIX, directory + '/ctl', b'\xce\xfa\xed\xfe')
    time.sleep(1)  # the switch closes those that it refuses
    some, kept[begun:] = kept[begun:], []
    return sum(is_open(s) for s in some)


def is_open(s):
    try:
        s.recv(1)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


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
