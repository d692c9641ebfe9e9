# Runs a program on a terminal of its own, waits until its output contains a text, ends it in a given way, and prints
# whether the terminal is as it was: its modes, its main screen, its cursor.
import json, os, pty, select, signal, sys, termios, time

how, text, *command = sys.argv[1:]
terminal, side = pty.openpty()
termios.tcsetwinsize(terminal, (20, 50)) if hasattr(termios, "tcsetwinsize") else None
before = termios.tcgetattr(side)
pid = os.fork()
if pid == 0:
    os.close(terminal)
    os.login_tty(side) if hasattr(os, "login_tty") else (os.setsid(), [os.dup2(side, fd) for fd in (0, 1, 2)], __import__("fcntl").ioctl(0, termios.TIOCSCTTY, 0))
    os.execvp(command[0], command)
said = b""
status = None
raw = False
ended = False
deadline = time.time() + 15
while time.time() < deadline:
    if select.select([terminal], [], [], 0.05)[0]:
        said += os.read(terminal, 65536)
    if not ended and text.encode() in said and b"\x1b[?1049h" in said:
        raw = termios.tcgetattr(side)[3] & termios.ICANON == 0
        ended = True
        if how.startswith("keys:"):
            os.write(terminal, how[5:].encode().decode("unicode_escape").encode())
        elif how.startswith("SIG"):
            os.kill(pid, getattr(signal, how))
        elif how.startswith("kill:"):
            os.kill(int(how[5:]), signal.SIGTERM)
    if status is None:
        done, code = os.waitpid(pid, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(code)
            deadline = min(deadline, time.time() + 0.3)
if status is None:
    os.kill(pid, signal.SIGKILL)


def last(on, off):
    return said.rfind(on) > said.rfind(off)


print(
    json.dumps(
        {
            "status": status,
            "raw": raw,
            "restored": termios.tcgetattr(side) == before,
            "alternate": last(b"\x1b[?1049h", b"\x1b[?1049l"),
            "hidden": last(b"\x1b[?25l", b"\x1b[?25h"),
            "after": said[said.rfind(b"\x1b[?1049l") :].decode(errors="replace"),
        }
    )
)
