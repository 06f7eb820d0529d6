"""Checks that talk: `send` and `expect`, before servers that say what a script has them say."""
import contextlib
import socket
import ssl
import struct
import threading
import time

import pytest

from harness import Lbc, free_port, wait_for
from harness.certificates import Authority


class Talker:
    """A server that does one thing with each connection: `does(socket)`."""

    def __init__(self, does):
        self.does, self.heard = does, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                c, _ = self.listener.accept()
                threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        with contextlib.suppress(OSError), c:
            c.settimeout(10)
            self.does(c, self)

    def stop(self):
        self.listener.close()


def redis(answer, *, pace=None):
    """Answers a PING, byte by byte where there is a pace; then waits for the end."""
    def does(c, self):
        got = b""
        while not got.endswith(b"\r\n"):
            got += c.recv(100) or (_ for _ in ()).throw(OSError())
        self.heard.append(got)
        for piece in [answer] if pace is None else [bytes([b]) for b in answer]:
            c.sendall(piece)
            time.sleep(pace or 0)
        while c.recv(100):
            pass
    return does


def smtp(c, self):
    c.sendall(b"220 mail.test ready\r\n")
    self.heard.append(c.recv(100))
    c.sendall(b"250-mail.test\r\n250 SIZE 1000\r\n")
    self.heard.append(c.recv(100))


def closes(c, self):
    c.recv(100)


def resets(c, self):
    c.recv(100)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def mute(c, self):
    while c.recv(100):
        pass


def floods(c, self):
    c.recv(100)
    while True:
        c.sendall(b"x" * 1000)


def binary(c, self):
    self.heard.append(c.recv(100))
    c.sendall(b"\x00\x01\xff")
    c.recv(1)


def shaking(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "good.crt", folder / "good.key")

    def does(c, self):
        with context.wrap_socket(c, server_side=True) as t:
            redis(b"+PONG\r\n")(t, self)
    return does


PING = r'send "PING\r\n"; expect "+PONG"'
CHECKS = [  # name, what the server does, kind, script, state, what is said of it
    ("good", redis(b"+PONG\r\n"), "tcp", PING, "up", "all was said and heard"),
    ("slow", redis(b"+PONG\r\n", pace=0.01), "tcp", PING, "up", "all was said and heard"),
    ("mail", smtp, "tcp", r'expect "220 "; send "EHLO lbc\r\n"; expect "250 SIZE"; send "QUIT\r\n"', "up",
     "all was said and heard"),
    ("bytes", binary, "tcp", r'send "\x00\x1fA"; expect "\x01\xFF"', "up", "all was said and heard"),
    ("tls", "TLS", "tls", PING, "up", "all was said and heard"),
    ("wrong", redis(b"-LOADING Redis is loading the dataset in memory\r\n"), "tcp", PING, "down",
     'no "+PONG" within 1s, but "-LOADING Redis is loading t…"'),
    ("mute", mute, "tcp", PING, "down", 'no "+PONG" within 1s'),
    ("closes", closes, "tcp", PING, "down", 'no "+PONG" before it closed'),
    ("half", lambda c, self: (c.recv(100), c.sendall(b"+PO")), "tcp", PING, "down",
     'no "+PONG" before it closed, but "+PO"'),
    ("resets", resets, "tcp", PING, "down", "connection reset by peer"),
    ("floods", floods, "tcp", PING, "down", 'no "+PONG" in 4096 bytes, but "xxxxxxxxxxxxxxxxxxxxxxxxxxx…"'),
    ("second", redis(b"+PONG\r\n"), "tcp", PING + r'; send "INFO\r\n"; expect "role:master\r\n"', "down",
     r'no "role:master\r\n" within 1s, but "\r\n"'),
]


@pytest.fixture(scope="module")
def talkers(tmp_path_factory):
    ca = Authority(tmp_path_factory.mktemp("pki"))
    ca.sign("good", "127.0.0.1")
    made = {name: Talker(shaking(ca.folder) if does == "TLS" else does) for name, does, *_ in CHECKS}
    yield made
    for t in made.values():
        t.stop()


@pytest.fixture(scope="module")
def site(begin, talkers):
    port, text = free_port(), ["lbconf 1"]
    for name, _, kind, script, _, _ in CHECKS:
        text.append(f"cluster {name} {{ server s 127.0.0.1:{talkers[name].port}\n"
                    f"health {kind} {{ every 3s; timeout 1s; rise 1; fall 1; {script} }} }}")
    text += [f"listener front {{ bind 127.0.0.1:{port}; route site }}", "route site {",
             *(f'  when path under "/{c[0]}" {{ forward {c[0]} }}' for c in CHECKS), "  otherwise { deny 404 } }"]
    return begin(Lbc, "\n".join(text), workers=1, port=port)


@pytest.mark.parametrize("name, state, reason", [(c[0], *c[4:]) for c in CHECKS], ids=[c[0] for c in CHECKS])
def test_what_a_check_comes_to(site, name, state, reason):
    def said():
        s = next(s for s in site.show("servers") if s["cluster"] == name)
        return (s["health"], s.get("last_check")) == (state, reason)
    wait_for(said, f"{name} is {state}: {reason}; {[s for s in site.show('servers') if s['cluster'] == name]}", 20)


def test_what_servers_hear(site, talkers):
    for name, heard in ("good", [b"PING\r\n"]), ("tls", [b"PING\r\n"]), ("bytes", [b"\x00\x1fA"]), \
                       ("mail", [b"EHLO lbc\r\n", b"QUIT\r\n"]):
        wait_for(lambda: talkers[name].heard[:len(heard)] == heard, f"{name} hears {heard}")


def test_another_script_is_another_check(begin):
    """A reload that changes only a step asks anew."""
    server, port = Talker(redis(b"+PONG\r\n")), free_port()
    text = """lbconf 1
cluster a {{ server s 127.0.0.1:{at}; health tcp {{ every 60s; timeout 1s; rise 1; fall 1; send "PING\\r\\n"; expect "{e}" }} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward a }} }}
"""
    lbc = begin(Lbc, text.format(at=server.port, port=port, e="+PONG"), name="again", port=port)
    wait_for(lambda: lbc.show("servers")[0]["health"] == "up", "it is up")
    lbc.reload(text.format(at=server.port, port=port, e="+OTHER"))
    wait_for(lambda: lbc.show("servers")[0]["health"] == "down", "it is asked again at once", 20)
    server.stop()
