"""A server whose every word is scripted, for what `lbc origin` cannot do: misbehave in any way.

What it does with a request is the function that was given for the request's path, or the bytes. It keeps
what it received, so that a test can say what reached it, and what did not.
"""
import contextlib
import itertools
import socket
import struct
import threading

from harness import Client, whole

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Request:
    """A request's head as it came, and its body when it was read."""

    def __init__(self, head, connection):
        self.head, self.connection = head, connection
        lines = head.decode("latin-1").split("\r\n")
        self.line = lines[0]
        self.method, self.target, self.version = lines[0].split(" ")
        self.fields = [(n.lower(), v.strip())
                       for n, _, v in (line.partition(":") for line in lines[1:] if line)]
        self.body, self.trailers = b"", b""

    def all(self, name):
        return [v for n, v in self.fields if n == name]

    def __getitem__(self, name):
        """The field's value, or None; an error when there are several."""
        values = self.all(name)
        assert len(values) <= 1, f"{name}: {values}"
        return values[0] if values else None


class Peer:
    """The server's end of one connection."""
    put = staticmethod(whole)

    def __init__(self, sock, number):
        self.socket, self.number = sock, number
        self.file = sock.makefile("rb")

    def head(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.file.readline()
            if not line:
                return None
            head += line
        return head

    def body(self, request):
        """Reads the request's body, decoded."""
        if request["transfer-encoding"] == "chunked":
            while True:
                size = int(self.line().split(b";")[0], 16)
                if size == 0:
                    break
                request.body += self.read(size)
                assert self.read(2) == b"\r\n", "the end of a chunk"
            while (line := self.line()) != b"\r\n":
                request.trailers += line
        elif request["content-length"] is not None:
            request.body = self.read(int(request["content-length"]))
        return request.body

    def send(self, data):
        self.put(self.socket, data)

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return line

    def read(self, n):
        data = self.file.read(n)
        if len(data) < n:
            raise EOFError
        return data

    def reset(self):
        """Closes so that the other end sees a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def at_end(self):
        try:
            return self.file.read(1) == b""
        except (ConnectionError, ValueError):
            return True


class Server:
    def __init__(self, backlog=128):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.port = self.listener.getsockname()[1]
        self.names = itertools.count(1)
        self.scripts = {}
        self.requests, self.connections, self.failures, self.peers = [], [], [], []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def script(self, does=OK):
        """A path of its own, for which the server does that: `does` is the bytes of a response, sent when
        the request's body has been read, or a function of the peer and the request. When the function
        returns true the connection stays."""
        path = f"/{next(self.names)}"
        self.scripts[path] = does
        return path

    def of(self, path):
        """The requests that came for a path, whatever stood behind it."""
        return [r for r in self.requests if first_segment(r.target) == path]

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            peer = Peer(sock, len(self.connections))
            self.connections.append(peer)
            threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    def talk(self, peer):
        try:
            while self.exchange(peer):
                pass
        except (OSError, EOFError):
            pass  # it was cut off, as many a test wants
        except Exception as e:  # noqa: BLE001: told at the end of the test
            if not self.stopping.is_set():
                self.failures.append(repr(e))
        finally:
            with contextlib.suppress(OSError):
                peer.close()

    def exchange(self, peer):
        head = peer.head()
        if head is None:
            return False
        request = Request(head, peer.number)
        self.requests.append(request)
        does = self.scripts.get(first_segment(request.target), OK)
        if callable(does):
            return does(peer, request)
        peer.body(request)
        peer.send(does)
        return True

    def stop(self):
        self.stopping.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self.connections:
            with contextlib.suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)


class SlowClient(Client):
    """One whose end of the connection holds little, so that what it does not read stays with lbc."""

    def __init__(self, port, timeout=20):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")


def first_segment(target):
    if target.startswith("http://"):
        target = "/" + target.split("/", 3)[3]
    return "/" + target.split("?")[0].split("/")[1] if target.startswith("/") else target


def reply(body=b"", *fields, status="200 OK", length=True):
    """The bytes of a response."""
    lines = [f"HTTP/1.1 {status}", *fields]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(data, size):
    """A chunked body of pieces of that size."""
    pieces = [data[i:i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def pattern(n):
    """n bytes of which none may be lost, doubled or moved unseen."""
    unit = b"".join(b"%07d|" % i for i in range(min(n, 1 << 20) // 8 + 1))
    return (unit * (n // len(unit) + 1))[:n]
