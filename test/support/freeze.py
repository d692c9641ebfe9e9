# Stops one thread of a process, given by the number of the thread, until stdin ends.
import ctypes, sys
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
thread = int(sys.argv[1])
for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
    if libc.ptrace(request, thread, None, None) < 0:
        sys.exit(f'ptrace: {ctypes.get_errno()}')
libc.waitpid(thread, None, 0x40000000)
print('FROZEN', flush=True)
sys.stdin.read()
libc.ptrace(PTRACE_DETACH, thread, None, None)
