"""A server that lies, stalls and resets, at random but repeatably: the seed says what it will do."""
import random
import socket
import struct
import threading

from harness.load import pattern

BODY = pattern(1000)


def whole(body=BODY, head=b""):
    return b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(body=BODY, size=100, end=b"0\r\n\r\n"):
    pieces = (body[i:i + size] for i in range(0, len(body), size))
    return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
            b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + end)


RESET, CLOSE = object(), object()

# What it does for one request: pieces to send, then perhaps an end. `good` ones are whole answers.
GOOD = [
    [whole()],
    [whole(), CLOSE],
    [chunked()],
    [chunked(size=1)],
    [chunked(end=b"0\r\nX-Trailer: yes\r\n\r\n")],
    [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n", whole()],
    [b"HTTP/1.0 200 OK\r\n\r\n" + BODY, CLOSE],
    [bytes([b]) for b in whole(BODY[:20])],
    [whole() + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore"],  # nobody asked for the second
]
BAD = [
    [CLOSE],
    [RESET],
    [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + BODY[:500], CLOSE],
    [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + BODY[:500], RESET],
    [b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE],
    [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", CLOSE],
    [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", CLOSE],
    [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", CLOSE],
    [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloNO", CLOSE],
    [chunked(end=b""), RESET],
    [b"\x00\xff\xfe garbage \r\n\r\n", CLOSE],
    [b"HTTP/1.1 99 No\r\n\r\n", CLOSE],
    [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", CLOSE],
    [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000, CLOSE],
    [b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", CLOSE],
    [b"SSH-2.0-OpenSSH_9.2\r\n", CLOSE],
]


class Chaos:
    """Serves until the block ends. Which behaviour a request gets depends on the seed, and on the order
    in which requests come."""

    def __init__(self, seed, good=0.5):
        self.random = random.Random(seed)
        self.good = good
        self.lock = threading.Lock()
        self.open = set()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for s in list(self.open):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(s,), daemon=True).start()

    def choose(self):
        with self.lock:
            return self.random.choice(GOOD if self.random.random() < self.good else BAD)

    def serve(self, s):
        self.open.add(s)
        try:
            with s:
                self.converse(s)
        except OSError:
            pass
        self.open.discard(s)

    def converse(self, s):
        data = b""
        while True:
            while b"\r\n\r\n" not in data:
                more = s.recv(65536)
                if not more:
                    return
                data += more
            data = b""  # requests here have no bodies, and lbc sends one after the other
            for step in self.choose():
                if step is RESET:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if step is RESET or step is CLOSE:
                    return
                s.sendall(step)
