# Runs a program on a terminal of its own: types the bytes of stdin, and prints the screen as a line of JSON at each
# change. The screen is that of python3-pyte, an independent terminal emulator.
import fcntl, json, os, pty, select, struct, sys, termios
import pyte

columns, rows = int(sys.argv[1]), int(sys.argv[2])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[3], sys.argv[3:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
screen = pyte.Screen(columns, rows)
stream = pyte.ByteStream(screen)


def tell(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


watched = [terminal, 0]
while True:
    ready, _, _ = select.select(watched, [], [])
    if 0 in ready:
        typed = os.read(0, 4096)
        if not typed:
            watched.remove(0)
        else:
            os.write(terminal, typed)
    if terminal in ready:
        try:
            said = os.read(terminal, 65536)
        except OSError:
            said = b""
        if not said:
            break
        stream.feed(said)
        lines = [line.rstrip() for line in screen.display]
        tell({"lines": lines, "x": screen.cursor.x, "y": screen.cursor.y})
_, status = os.waitpid(pid, 0)
tell({"code": os.waitstatus_to_exitcode(status)})
