"""Clients that only cost: each kind is a program of its own, from another address than the tests' own clients."""
import contextlib
import itertools
import select
import socket
import ssl
import struct
import subprocess
import sys
import time

ADDRESS = "127.0.0.9"


def connect(port):
    s = socket.socket()
    s.settimeout(5)
    s.bind((ADDRESS, 0))
    s.connect(("127.0.0.1", port))
    return s


def trickle(port, first, piece):
    """A hundred connections that go on a little each time; one that is closed is replaced."""
    at = []
    while True:
        while len(at) < 100:
            with contextlib.suppress(OSError):
                s = connect(port)
                s.sendall(first)
                at.append(s)
        for s in list(at):
            try:
                s.sendall(piece)
                if select.select([s], [], [], 0)[0]:
                    raise ConnectionResetError
            except OSError:
                s.close()
                at.remove(s)
        time.sleep(0.1)


def headers(port):
    trickle(port, b"GET / HTTP/1.1\r\nHost: x\r\nX: ", b"y")


def bodies(port):
    trickle(port, b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", b"y")


def connections(port):
    while True:
        with contextlib.suppress(OSError):
            connect(port).close()


def handshakes(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    while True:
        with contextlib.suppress(OSError), context.wrap_socket(connect(port)):
            pass


def resets(port):
    """HTTP/2: ask, and take it back at once."""
    def frame(kind, flags, stream, payload=b""):
        return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload
    head = b"\x82\x86\x84\x41\x01x"
    while True:
        with contextlib.suppress(OSError):
            s = connect(port)
            s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0))
            for first in itertools.count(1, 200):
                s.sendall(b"".join(frame(1, 5, i, head) + frame(3, 0, i, b"\0\0\0\x08")
                                   for i in range(first, first + 200, 2)))


class Flood:
    """`n` processes of one kind, while the block lasts."""

    def __init__(self, kind, port, n=1):
        self.command, self.n, self.running = [sys.executable, __file__, kind, str(port)], n, []

    def __enter__(self):
        self.running = [subprocess.Popen(self.command, stderr=subprocess.DEVNULL) for _ in range(self.n)]
        return self

    def __exit__(self, *_):
        for p in self.running:
            p.kill()
            p.wait()


if __name__ == "__main__":
    {f.__name__: f for f in (headers, bodies, connections, handshakes, resets)}[sys.argv[1]](int(sys.argv[2]))
