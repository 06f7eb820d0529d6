"""`trace src 10.1.2.3 10`: the next exchanges of a client, each step with its time, as they come to their ends."""
import contextlib
import json
import select
import signal
import socket
import ssl
import subprocess
import threading

import h2.connection
import h2.events
import pytest

from harness import LBC, Client, Lbc, Origin, free_port, free_ports, get, wait_for
from harness.certificates import Authority

SITE = """lbconf 1
tls shown {{ certificate {certificate} }}
limit few {{ key src; rate 1/h  burst 1 }}
cluster app {{ server a 127.0.0.1:{origin} }}
cluster broken {{ balance first; retry 2; server gone 127.0.0.1:{nobody}; server a 127.0.0.1:{origin} }}
listener front {{ bind 127.0.0.1:{port}; bind 127.0.0.1:{tls} tls shown; route site }}
listener raw {{ protocol tcp; bind 127.0.0.1:{tcp}; route bytes }}
route site {{
  when path under "/no"      {{ deny 403 }}
  when path under "/limited" {{ limit few; forward app }}
  when path under "/broken"  {{ forward broken }}
  otherwise                  {{ forward app }}
}}
route bytes {{ otherwise {{ forward app }} }}
"""


@pytest.fixture
def site(start, tmp_path):
    origin = start(Origin)
    port, tls, tcp = free_ports(3)
    authority = Authority(tmp_path)
    lbc = start(Lbc, SITE.format(origin=origin.port, port=port, tls=tls, tcp=tcp, nobody=free_port(),
                                 certificate=authority.sign("site", "site.test")), port=port)
    lbc.tls_port, lbc.tcp_port, lbc.authority = tls, tcp, authority
    return lbc


class Trace:
    """One on a connection of its own."""

    def __init__(self, lbc, command):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(lbc.socket)
        self.socket.sendall(f"trace {command} --json\n".encode())
        self.file = self.socket.makefile("rb")
        assert self.next()["trace"] == "on"
        # Workers take orders in turn: who answers a later question has the trace.
        wait_for(lambda: lbc.ctl("show", "sessions", "--json"), "workers have heard of it")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def next(self):
        line = self.file.readline().decode()
        return json.loads(line) if line.startswith("{") else line.strip()

    def end(self):
        """What it says last."""
        said = self.next()
        assert self.next() == "ok"
        return said


def steps(exchange):
    return [s["step"] for s in exchange["steps"]]


def text_of(exchange, step):
    return [s["text"] for s in exchange["steps"] if s["step"] == step]


def test_a_request_from_its_connection_to_its_end(site):
    with Trace(site, "src 127.0.0.1 2") as t, Client(site.port) as c:
        assert c.get("/b/10?token=secret").status == 200
        first = t.next()
        assert steps(first) == ["accepted", "begun", "request", "decided", "server", "connected", "sent", "response",
                                "complete", "end"]
        assert text_of(first, "request") == ["request head read: GET x/b/10?..."]
        [decided] = text_of(first, "decided")
        assert decided.startswith("forward app, by clause 4 of route site, ") and decided.endswith("lbc.lbconf:12")
        [server] = text_of(first, "server")
        assert server.startswith("try 1: server app/a at 127.0.0.1:") and "a connection is made" in server
        times = [s["at_ms"] for s in first["steps"]]
        assert times == sorted(times) and times[0] == 0
        assert (first["status"], first["end"], first["over"]) == (200, "complete", True)
        [record] = site.logged()
        assert record["request_id"] == first["request_id"] and record["sent_bytes"] == first["sent_bytes"]

        assert c.get("/no").status == 403
        second = t.next()
        assert steps(second) == ["begun", "request", "decided", "answer", "complete", "end"]
        assert text_of(second, "begun")[0].startswith("first byte of request 2 of its connection")
        assert text_of(second, "decided")[0].startswith("deny 403, by clause 1 ")
        assert t.end() == {"exchanges": 2, "why": "all", "others": 0, "unread": 0, "workers_missing": 0}


def test_a_limit_and_a_retry_are_told(site):
    with Trace(site, "src 127.0.0.0/8 20") as t:
        get(site.port, "/limited")
        get(site.port, "/limited")
        seen = [t.next(), t.next()]
        [refused] = [x for x in seen if "limited" in steps(x)]
        assert text_of(refused, "limited") == ["limit few refuses it"] and refused["status"] == 429
        for _ in range(2):  # one of the two begins with the server that is gone
            get(site.port, "/broken/b/1")
        seen = [t.next(), t.next()]
        [again] = [x for x in seen if "failed" in steps(x)]
        assert len(text_of(again, "server")) == 2, again
        assert "broken/gone" in text_of(again, "server")[0] and "broken/a" in text_of(again, "server")[1]


def test_http2_over_tls(site):
    context = ssl.create_default_context(cafile=site.authority.file)
    context.set_alpn_protocols(["h2"])
    with Trace(site, "src 127.0.0.1 1") as t, \
            context.wrap_socket(socket.create_connection(("127.0.0.1", site.tls_port)),
                                server_hostname="site.test") as s:
        c = h2.connection.H2Connection()
        c.initiate_connection()
        c.send_headers(1, [(":method", "GET"), (":scheme", "https"), (":authority", "site.test"), (":path", "/b/5")],
                       end_stream=True)
        s.sendall(c.data_to_send())
        exchange = t.next()
        assert exchange["protocol"] == "h2" and exchange["request"] == "GET site.test/b/5"
        assert steps(exchange)[:4] == ["accepted", "tls", "begun", "request"] and steps(exchange)[-1] == "end"


def test_a_tcp_connection(site):
    with Trace(site, "src 127.0.0.1 1") as t:
        with Client(site.tcp_port) as c:
            c.request("/b/5", version="HTTP/1.0")
            assert c.response().status == 200
        exchange = t.next()
        assert exchange["protocol"] == "tcp" and exchange["listener"] == "raw"
        assert steps(exchange) == ["accepted", "decided", "server", "connected", "tunnel", "end"]


def test_only_what_is_asked_for(site):
    with Trace(site, "path /b/1 for 1s") as t, Trace(site, "src 10.0.0.0/8 for 1s") as none:
        for path in ("/b/10", "/b/1?x", "/b/1/2", "/b"):
            get(site.port, path)
        assert {t.next()["request"], t.next()["request"]} == {"GET x/b/1?...", "GET x/b/1/2"}
        assert t.end() == {"exchanges": 2, "why": "time", "others": 0, "unread": 0, "workers_missing": 0}
        assert none.end()["exchanges"] == 0


def test_what_is_under_way_when_the_time_is_over(site):
    """A tunnel may last for days: what is known of it by then is told."""
    with Trace(site, "src 127.0.0.1 5 for 2s") as t, Client(site.port) as c:
        c.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
        assert c.head().status == 101
        exchange = t.next()
        assert not exchange["over"] and steps(exchange)[-1] == "tunnel" and exchange["status"] == 101
        assert t.end()["why"] == "time"
        c.send(b"goes on")
        assert c.file.read(7) == b"goes on"


def test_those_that_find_no_place_are_counted(site):
    with Trace(site, "src 127.0.0.1 1") as t, Client(site.port) as slow:
        slow.request("/slow/1000")
        wait_for(lambda: "waiting" in site.ctl("show", "sessions"), "it waits")
        for _ in range(3):
            get(site.port, "/b/1")
        assert t.next()["request"] == "GET x/slow/1000"
        assert t.end()["others"] == 3


def test_four_at_a_time_and_one_that_is_left_makes_room(site):
    def refused():
        done = site.ctl("trace", "path", "/", "1", "for", "1s", check=False)
        return done.returncode == 1 and "as many traces are on" in done.stderr
    with contextlib.ExitStack() as stack:
        traces = [stack.enter_context(Trace(site, "src 127.0.0.1 for 1h")) for _ in range(4)]
        assert refused()
        traces[0].__exit__()
        traces[1].socket.shutdown(socket.SHUT_WR)  # one that says no more still listens
        wait_for(lambda: not refused(), "the one that was left is over", 20)
        get(site.port, "/b/1")
        told = [t for t in traces[1:] if select_readable(t)]
        assert len(told) == 1  # the first that wants it has it
    wait_for(lambda: site.ctl("trace", "path", "/none", "1", "for", "1s", check=False).returncode == 0, "all are over", 20)
    assert get(site.port, "/b/1").status == 200


def select_readable(trace):
    return select.select([trace.socket], [], [], 2)[0]


def test_a_reload_meanwhile(site):
    with Trace(site, "src 127.0.0.1 2") as t:
        get(site.port, "/b/1")
        assert t.next()["status"] == 200
        site.reload(site.file.read_text().replace("deny 403", "deny 451"))
        get(site.port, "/no")
        assert text_of(t.next(), "decided")[0].startswith("deny 451")
        assert t.end()["why"] == "all"


def test_the_end_of_the_process_ends_it(site):
    with Trace(site, "src 127.0.0.1 for 1h") as t, Client(site.port) as c:
        c.request("/slow/1000")
        wait_for(lambda: "waiting" in site.ctl("show", "sessions"), "it waits")
        site.popen.send_signal(signal.SIGTERM)
        assert not t.next()["over"]
        assert t.end()["why"] == "process"
        again = socket.socket(socket.AF_UNIX)
        with again:
            again.connect(site.socket)
            again.sendall(b"trace src 127.0.0.1\n")
            assert again.recv(1000) == b"refused: the process is shutting down\n"
        assert c.response().status == 200


def test_an_upgrade_ends_it(site):
    """What comes from now on comes to the new process: whoever traces is told, and may ask that one."""
    with Trace(site, "src 127.0.0.1 for 1h") as t, Client(site.port) as c:
        c.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
        assert c.head().status == 101
        site.upgrade()
        assert not t.next()["over"]
        assert t.end()["why"] == "process"
        with Trace(site, "src 127.0.0.1 1") as new:
            get(site.port, "/b/1")
            assert new.next()["status"] == 200


def test_under_load_no_exchange_is_told_twice_or_lost(site):
    over = threading.Event()

    def load():
        with contextlib.suppress(OSError, EOFError), Client(site.port) as c:
            while not over.is_set():
                c.get("/b/10")
    threads = [threading.Thread(target=load) for _ in range(4)]
    for t in threads:
        t.start()
    try:
        for _ in range(5):
            with Trace(site, "src 127.0.0.1 100") as t:
                ids = [t.next()["request_id"] for _ in range(100)]
                assert len(set(ids)) == 100
                assert t.end()["exchanges"] == 100
    finally:
        over.set()
        for t in threads:
            t.join()


def test_at_a_terminal(site):
    """`lbc ctl trace` prints each exchange when it is over, and not all at the end."""
    with subprocess.Popen([LBC, "ctl", "--socket", site.socket, "trace", "src", "127.0.0.1", "2"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ctl:
        lines = []

        def reads():
            lines.extend(iter(ctl.stdout.readline, ""))
        reader = threading.Thread(target=reads)
        reader.start()

        def asked():
            get(site.port, "/b/1")
            return lines
        wait_for(lambda: asked() and len(lines) > 2, "the first is printed", 20, every=0.3)
        wait_for(lambda: asked() and not reader.is_alive(), "both were", 20, every=0.3)
        reader.join()
    assert ctl.returncode == 0
    assert lines[0] == "the next 2, for 1m 0s at most\n"
    assert lines[2].startswith("1  GET x/b/1 from 127.0.0.1:") and "2 exchanges traced: that is all\n" in lines
    assert "ok\n" not in lines


@pytest.mark.parametrize("words, says", [
    ("10", "takes whose"), ("src", "takes whose"), ("src x 3", "an address or a network"), ("path x", "begins with /"),
    ("path /?q", "begins with /"), ("src ::1 0", "1 to 100"), ("src ::1 101", "1 to 100"), ("src ::1 1 2", "takes whose"),
    ("src ::1 for 2h", "1s to 1h"), ("src ::1 src ::1", "takes whose"), ("src ::1 for 1", "1s to 1h")])
def test_what_is_not_understood_is_refused(site, words, says):
    done = site.ctl("trace", *words.split(), check=False)
    assert done.returncode == 1 and says in done.stderr
