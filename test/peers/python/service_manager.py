"""A service manager with socket activation, as small as it can be.

Binds the sockets that its first argument names (JSON: a list of {"name", "kind": "udp" or "tcp", "port"}; port 0 is any), runs the
command of its other arguments with them from descriptor 3 on (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), and starts it again whenever
it ends. The sockets stay open meanwhile, so nobody is refused.

Prints JSON lines: `sockets` with the ports by name, `started` with the process id; the rest is the output of the command. SIGTERM is
passed on, and is the end.
"""

import json
import os
import signal
import socket
import sys

FIRST_DESCRIPTOR = 3
KINDS = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}

child = 0
stopping = False


def say(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def bind(kind, port):
    bound = socket.socket(socket.AF_INET, KINDS[kind])
    if kind == "tcp":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    if kind == "tcp":
        bound.listen(511)
    return bound


def run(command, names, sockets):
    pid = os.fork()
    if pid:
        return pid
    # Out of the way first: the numbers that are wanted may be taken by others of them.
    high = [os.dup2(bound.fileno(), 100 + index) for index, bound in enumerate(sockets)]
    for index, descriptor in enumerate(high):
        os.dup2(descriptor, FIRST_DESCRIPTOR + index, inheritable=True)
        os.close(descriptor)
    environment = dict(os.environ, LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=":".join(names))
    os.execvpe(command[0], command, environment)


def stop(number, _frame):
    global stopping
    stopping = True
    if child:
        os.kill(child, number)


wanted = json.loads(sys.argv[1])
sockets = [bind(entry["kind"], entry["port"]) for entry in wanted]
names = [entry["name"] for entry in wanted]
say("sockets", ports={name: bound.getsockname()[1] for name, bound in zip(names, sockets)})
signal.signal(signal.SIGTERM, stop)
while not stopping:
    child = run(sys.argv[2:], names, sockets)
    say("started", pid=child)
    if stopping:
        os.kill(child, signal.SIGTERM)
    os.waitpid(child, 0)
