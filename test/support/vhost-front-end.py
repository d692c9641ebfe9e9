# A vhost-user front end with one sending ring in a memfd, for a switch that listens on the socket PATH. Sends a
# broadcast frame. Then, for each line on stdin: `truncate` truncates the memory and notifies the switch. Prints
# `closed` when the switch has closed the connection.
import array
import mmap
import os
import socket
import struct
import sys
import threading

SIZE = 1 << 20
GUEST, USER = 1 << 32, 1 << 40
BUFFER, AVAILABLE, USED = 0x8000, 0x1000, 0x2000
VERSION_1 = 1 << 32

memory = os.memfd_create("guest", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
os.ftruncate(memory, SIZE)
kick = os.eventfd(0)
switch = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
switch.connect(sys.argv[1])


def tell(request, payload, *files):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
    try:
        switch.sendmsg([struct.pack("<III", request, 1, len(payload)) + payload], rights)
    except OSError:
        pass  # the switch has closed the connection


with mmap.mmap(memory, SIZE) as guest:
    frame = bytes.fromhex("ffffffffffff0200000000aa88b5") + bytes(46)
    guest[BUFFER : BUFFER + 72] = bytes(12) + frame
    guest[0:16] = struct.pack("<QIHH", GUEST + BUFFER, 72, 0, 0)
    guest[AVAILABLE : AVAILABLE + 6] = struct.pack("<HHH", 0, 1, 0)

tell(2, struct.pack("<Q", VERSION_1))
tell(5, struct.pack("<IIQQQQ", 1, 0, GUEST, SIZE, USER, 0), memory)
tell(8, struct.pack("<II", 1, 16))
tell(10, struct.pack("<II", 1, 0))
tell(9, struct.pack("<IIQQQQ", 1, 0, USER, USER + USED, USER + AVAILABLE, 0))
tell(12, struct.pack("<Q", 1), kick)


def await_end():
    try:
        while switch.recv(4096):
            pass
    except OSError:
        pass
    print("closed", flush=True)
    os._exit(0)


threading.Thread(target=await_end, daemon=True).start()
for line in sys.stdin:
    if line.strip() == "truncate":
        os.ftruncate(memory, 0)
        os.eventfd_write(kick, 1)
threading.Event().wait()
