"""The memory that `lbc check --stats` promises, held against a process whose clients and servers do their worst.

Of the release build, for sanitizers make memory something else. What grows must stay below what is printed, with a
tenth for the allocator, and be a fair part of it: a bound that nothing gets near to says nothing.
"""
import contextlib
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest

import harness
from harness.certificates import Authority

SLACK = 1.1 # what the allocator rounds up to, and loses between blocks
FAIR = 1 / 6 # of what is printed, at least
STREAMS = 10
SEGMENT = 536 # bytes: the kernel keeps little for connections of small segments, so they are full soon

CONFIG = """lbconf 1
tls shown {{ certificate {certificate} }}
cluster app {{ server a 127.0.0.1:{server} }}
cluster good {{ server a 127.0.0.1:{origin} }}
listener front {{
  bind 127.0.0.1:{port} {tls}
  max-connections {connections}
  max-streams {streams}
  timeout header 300s
  timeout idle 300s
  route site
}}
route site {{
  when path under "/b" {{ forward good }}
  otherwise {{ forward app }}
}}
"""


def full_soon(sock):
    """What is on its way to this socket stays with its sender."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SEGMENT)
    return sock


class Mute:
    """A server that reads nothing, and sends an answer without end as far as it goes."""

    def __init__(self):
        self.listening = full_soon(socket.socket())
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(4096)
        self.port = self.listening.getsockname()[1]
        self.open = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listening.accept()
                self.open.append(sock)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
                sock.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    sock.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * (1 << 20))

    def close(self):
        for sock in [self.listening, *self.open]:
            sock.close()


class Served:
    def __init__(self, folder, connections, tls):
        self.mute, self.origin = Mute(), harness.Origin(folder)
        self.port = harness.free_port()
        self.file = folder / "memory.lbconf"
        self.file.write_text(CONFIG.format(
            certificate=Authority(folder).sign("site", "127.0.0.1"), server=self.mute.port, origin=self.origin.port,
            port=self.port, tls="tls shown" if tls else "", connections=connections, streams=STREAMS))
        self.lbc = os.environ["LBC_RELEASE"]
        said = subprocess.run([self.lbc, "check", "--stats", "--format", "json", self.file], check=True,
                              capture_output=True, text=True).stdout
        self.promised = json.loads(said.splitlines()[-1])["memory"]
        self.process = subprocess.Popen(
            [self.lbc, "run", self.file, "--workers", "1", "--access-log", "off", "--socket", folder / "memory.sock",
             "--drain", "0"], stderr=subprocess.DEVNULL)
        harness.wait_for(lambda: harness.accepts(self.port), "lbc listens", 30)

    def resident(self):
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def most(self, what):
        of = self.promised["listeners"][0][what]
        return of["most_bytes"] + of["most_buffers_bytes"]

    def close(self):
        self.process.terminate()
        assert self.process.wait(60) == 0
        self.origin.stop()
        self.mute.close()


@pytest.fixture
def serve(tmp_path):
    with contextlib.ExitStack() as stack:
        def begin(connections, tls=False):
            served = Served(tmp_path, connections, tls)
            stack.callback(served.close)
            return served
        yield begin


def connect(served, tls):
    sock = full_soon(socket.socket())
    sock.settimeout(60)
    sock.connect(("127.0.0.1", served.port))
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        sock = context.wrap_socket(sock)
    return sock


def push(socks, data):
    """To each as much as it takes, until none has taken anything for a while."""
    for sock in socks:
        sock.setblocking(False)
    moved_at = time.monotonic()
    while time.monotonic() < moved_at + 0.5:
        for sock in socks:
            with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                if sock.send(data) > 0:
                    moved_at = time.monotonic()
        time.sleep(0.01)


def judge(grown, promised):
    print(f"grown by {grown}, promised {promised}: {grown / promised:.2f}")
    assert grown <= promised * SLACK
    assert grown >= promised * FAIR


HALF_A_HEAD = b"GET /half HTTP/1.1\r\nHost: x\r\n" + b"X-Long: " + b"y" * 32000
BODY_WITHOUT_END = b"POST /mute HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_requests_whose_clients_and_servers_stand_still(serve, tls):
    n = 100
    served = serve(n, tls)
    before = served.resident()
    socks = [connect(served, tls) for _ in range(n)]
    for sock in socks[:n // 10]: # these get no further than their heads
        sock.sendall(HALF_A_HEAD)
    for sock in socks[n // 10:]:
        sock.sendall(BODY_WITHOUT_END)
    push(socks[n // 10:], b"z" * 16384)
    judge(served.resident() - before, n * served.most("connection"))
    for sock in socks:
        sock.close()


def test_streams_whose_clients_and_servers_stand_still(serve):
    n = 10
    served = serve(n)
    before = served.resident()
    clients = [Streams(connect(served, False)) for _ in range(n)]
    moved_at = time.monotonic()
    while time.monotonic() < moved_at + 0.5:
        if any([c.turn() for c in clients]):
            moved_at = time.monotonic()
        time.sleep(0.01)
    judge(served.resident() - before, n * served.most("h2_connection"))
    for c in clients:
        c.sock.close()


class Streams:
    """A client with as many streams as it may have, on each a body without end and no room for an answer."""

    def __init__(self, sock):
        self.sock, self.due = sock, b""
        self.peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.peer.initiate_connection()
        self.peer.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
        head = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/mute")]
        self.streams = [2 * i + 1 for i in range(STREAMS)]
        for stream in self.streams:
            self.peer.send_headers(stream, head)
        sock.setblocking(False)

    def turn(self):
        """What can be sent is; says whether that was anything."""
        with contextlib.suppress(BlockingIOError):
            for event in self.peer.receive_data(self.sock.recv(65536)):
                assert not isinstance(event, h2.events.ConnectionTerminated), event
        if not self.due:
            for stream in self.streams:
                room = min(self.peer.local_flow_control_window(stream), 16384)
                if room > 0:
                    self.peer.send_data(stream, b"z" * room)
            self.due = self.peer.data_to_send()
        with contextlib.suppress(BlockingIOError):
            sent = self.sock.send(self.due) if self.due else 0
            self.due = self.due[sent:]
            return sent > 0
        return False


def ask_h1(sock):
    sock.sendall(b"GET /b/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    while b"\r\n\r\n" not in (said := sock.recv(4096)):
        assert said


def ask_h2(sock):
    """With fields enough to fill the tables of header compression."""
    peer = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    peer.initiate_connection()
    fields = [(f"{i:02}", str(i % 10)) for i in range(90)]
    peer.send_headers(1, [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/b/1")] + fields,
                      end_stream=True)
    events = []
    while not any(isinstance(e, h2.events.StreamEnded) for e in events):
        sock.sendall(peer.data_to_send())
        got = sock.recv(4096)
        assert got
        events = peer.receive_data(got)
    sock.sendall(peer.data_to_send())


WAITING = {
    "HTTP/1": (600, False, "connection", ask_h1),
    "TLS": (300, True, "connection", ask_h1),
    "HTTP/2, its tables full": (300, False, "h2_connection", ask_h2),
}


@pytest.mark.parametrize("what", WAITING)
def test_connections_that_wait(serve, what):
    """After one request each. The first few are let go again, so that what is made once is not counted."""
    n, tls, name, ask = WAITING[what]
    served = serve(n, tls)

    def hold(n):
        socks = [connect(served, tls) for _ in range(n)]
        for sock in socks:
            ask(sock)
        time.sleep(0.2)
        return socks
    for sock in hold(5):
        sock.close()
    before = served.resident()
    held = hold(n)
    judge(served.resident() - before, n * served.promised["listeners"][0][name]["idle_bytes"])
    for sock in held:
        sock.close()
