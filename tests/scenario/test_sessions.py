"""`show sessions`: who is connected to any worker, and what is under way."""
import contextlib
import ctypes
import json
import os
import socket
import ssl
import threading

import h2.connection
import pytest

from harness import Client, Lbc, Origin, free_ports, get, wait_for
from harness.certificates import Authority

SITE = """lbconf 1
tls shown {{ certificate {certificate} }}
cluster app {{ server a 127.0.0.1:{origin} }}
cluster one {{ timeout queue 60s; server a 127.0.0.1:{origin} max-connections 1 }}
listener front {{ bind 127.0.0.1:{port}; bind 127.0.0.1:{tls} tls shown; timeout drain 60s; route site }}
listener raw {{ protocol tcp; bind 127.0.0.1:{tcp}; route bytes }}
route site {{ when path under "/slow" {{ forward one }} otherwise {{ forward app }} }}
route bytes {{ otherwise {{ forward app }} }}
"""


@pytest.fixture
def site(start, tmp_path):
    origin = start(Origin)
    port, tls, tcp = free_ports(3)
    authority = Authority(tmp_path)
    text = SITE.format(origin=origin.port, port=port, tls=tls, tcp=tcp,
                       certificate=authority.sign("site", "site.test"))
    lbc = start(Lbc, text, port=port, workers=2)
    lbc.tls_port, lbc.tcp_port, lbc.authority = tls, tcp, authority
    return lbc


def sessions(lbc, *words):
    return json.loads(lbc.ctl("show", "sessions", *words, "--json"))


def row_of(lbc, client, **wanted):
    """The row of that connection, once it is so."""
    name = "{}:{}".format(*client.getsockname()[:2])

    def there():
        rows = [r for r in sessions(lbc)["sessions"] if r["client"] == name]
        return rows and all(rows[0].get(k) == v for k, v in wanted.items()) and rows[0]
    return wait_for(there, f"{name} is shown as {wanted}", 20)


def test_each_protocol_and_state_is_told(site):
    with Client(site.port) as new, Client(site.port) as idle, Client(site.port) as reading, \
            Client(site.tcp_port) as tcp, Client(site.port) as tunnel:
        assert idle.get("/b/10?token=secret").status == 200
        row = row_of(site, idle.socket, state="idle", requests=1)
        assert row["protocol"] == "http/1.1" and row["listener"] == "front" and "request" not in row
        assert row["sent_bytes"] > 10 and row["received_bytes"] > 20 and not row["tls"]
        assert row_of(site, new.socket, state="new")["requests"] == 0
        reading.send("GET /unfinished")
        assert row_of(site, reading.socket, state="reading")["request_ms"] >= 0
        tcp.request("/")
        row = row_of(site, tcp.socket, state="tunnel")
        assert (row["protocol"], row["cluster"], row["server"]) == ("tcp", "app", "a")
        tunnel.request("/upgrade?secret=1", "Connection: upgrade", "Upgrade: websocket")
        assert tunnel.head().status == 101
        row = row_of(site, tunnel.socket, state="tunnel")
        assert row["request"] == "GET x/upgrade?..." and row["server"] == "a"
        text = site.ctl("show", "sessions")
        assert "secret" not in text and "5 of 5 shown, the oldest first; 5 connected" in text


def test_what_is_waited_for_is_told(site):
    with Client(site.port) as first, Client(site.port) as second:
        first.request("/slow/60000")
        row = row_of(site, first.socket, state="waiting")
        assert (row["cluster"], row["server"], row["request"]) == ("one", "a", "GET x/slow/60000")
        second.request("/slow/2")
        assert row_of(site, second.socket, state="queued")["cluster"] == "one"


def test_no_credentials_are_shown(site):
    with Client(site.port) as c:
        c.request("/slow/60000?token=geheim", "Authorization: Basic c2VjcmV0")
        row_of(site, c.socket, state="waiting")
        shown = site.ctl("show", "sessions")
        assert "GET x/slow/60000?..." in shown and "c2VjcmV0" not in shown and "geheim" not in shown


def test_a_request_line_is_cut(site):
    with Client(site.port) as first, Client(site.port) as c:
        first.request("/slow/60000")
        row_of(site, first.socket, state="waiting")
        c.request("/slow/" + "x" * 2000)
        assert len(row_of(site, c.socket, state="queued")["request"]) == 255


def test_http2_over_tls_has_its_streams(site):
    context = ssl.create_default_context(cafile=site.authority.file)
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(socket.create_connection(("127.0.0.1", site.tls_port)),
                             server_hostname="site.test") as s:
        assert row_of(site, s, state="new")["tls"]
        c = h2.connection.H2Connection()
        c.initiate_connection()
        for stream, path in ((1, "/slow/60000?x=y"), (3, "/slow/60000")):
            c.send_headers(stream, [(":method", "GET"), (":scheme", "https"), (":authority", "site.test"),
                                    (":path", path)], end_stream=True)
        s.sendall(c.data_to_send())
        row = row_of(site, s, streams=2, state="waiting")
        assert (row["protocol"], row["requests"], row["request"]) == ("h2", 2, "GET site.test/slow/60000?...")


def test_filters_choose_and_a_limit_shows_the_oldest(site):
    with contextlib.ExitStack() as stack:
        def connect(port, **wanted):
            c = stack.enter_context(Client(port))
            row_of(site, c.socket, **wanted)  # accepted before the next one: other workers may be quicker
            return c
        a = connect(site.port)
        connect(site.port)
        connect(site.tcp_port, state="tunnel")
        shown = sessions(site, "src", "127.0.0.0/8", "listener", "front", "limit", "1")
        assert (shown["connections"], shown["matched"], len(shown["sessions"])) == (3, 2, 1)
        assert shown["sessions"][0]["client"].endswith(f":{a.socket.getsockname()[1]}")
        assert sessions(site, "src", "10.0.0.0/8")["matched"] == 0
        assert sessions(site, "src", "127.0.0.1")["matched"] == 3
        assert sessions(site, "src", "::/0")["matched"] == 3
        assert sessions(site, "listener", "other")["sessions"] == []


@pytest.mark.parametrize("words, says", [
    ("src", "something is missing"), ("src nobody", "an address or a network"), ("limit 0", "1 to 1000"),
    ("limit 1001", "1 to 1000"), ("limit 1 limit 2", "each once"), ("where x", "chosen by")])
def test_what_is_not_understood_is_refused(site, words, says):
    done = site.ctl("show", "sessions", *words.split(), check=False)
    assert done.returncode == 1 and says in done.stderr


def test_clients_that_come_and_go_meanwhile(site):
    """Each question walks lists that change under it."""
    over = threading.Event()

    def come_and_go():
        while not over.is_set():
            held = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(20)]
            get(site.port, "/b/1")
            for s in held:
                s.close()
    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        for _ in range(30):
            shown = sessions(site, "limit", "1000")
            assert shown["workers_missing"] == 0
            clients = [r["client"] for r in shown["sessions"]]
            assert len(clients) == shown["matched"]
            ages = [r["age_ms"] for r in shown["sessions"]]
            assert ages == sorted(ages, reverse=True)
    finally:
        over.set()
        for t in threads:
            t.join()


def test_many_are_looked_at_in_slices(site):
    """So that nobody waits for the answer. How long a slice took is shown, and not judged."""
    held = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(2000)]
    shown = wait_for(lambda: (s := sessions(site, "limit", "1000"))["connections"] == 2000 and s, "all are there", 60)
    assert len(shown["sessions"]) == 1000 == len({r["client"] for r in shown["sessions"]})
    print("a loop was held", shown["loop_held_us"], "us")
    for s in held:
        s.close()
    wait_for(lambda: sessions(site)["connections"] == 0, "all are gone", 60)


def test_after_a_reload_and_an_upgrade(site):
    with Client(site.port) as c:
        c.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
        assert c.head().status == 101
        site.reload(site.file.read_text() + "# changed\n")
        assert row_of(site, c.socket, state="tunnel")["request"] == "GET x/upgrade"


PTRACE_ATTACH, PTRACE_DETACH, WALL = 16, 17, 0x40000000


def workers(pid):
    """Its threads but the first, which is the one that answers."""
    return sorted(int(t) for t in os.listdir(f"/proc/{pid}/task") if int(t) != pid)


def test_a_worker_that_hangs_is_missing_and_holds_nobody(site):
    """One thread alone is stopped, as a debugger does it: all of the workers' in turn, for we don't know which they are."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    missing = 0
    for tid in workers(site.pid):
        if libc.ptrace(PTRACE_ATTACH, tid, None, None) != 0:
            pytest.fail(f"may not stop a thread: {os.strerror(ctypes.get_errno())}")
        try:
            os.waitpid(tid, WALL)
            shown = sessions(site)
            missing += shown["workers_missing"]
            if shown["workers_missing"]:
                for _ in range(6):  # it is not waited for again, and takes nobody's place
                    assert "1 of 2 workers did not answer in time" in site.ctl("show", "sessions")
        finally:
            libc.ptrace(PTRACE_DETACH, tid, None, None)
    assert missing == 2
    wait_for(lambda: sessions(site)["workers_missing"] == 0, "all answer again", 20)


def test_who_only_asks_and_says_no_more_is_answered(site):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(site.socket)
        s.sendall(b"show sessions --json\nshow sessions limit 1\nshow generations\n")
        s.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := s.recv(65536):
            answer += piece
    lines = answer.decode().splitlines()
    assert lines.count("ok") == 3 and lines[-1] == "ok"


def test_who_asks_and_leaves_costs_nothing(site):
    for _ in range(20):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(site.socket)
            s.sendall(b"show sessions\n")
    assert wait_for(lambda: site.ctl("show", "sessions", check=False).returncode == 0, "one is answered")


def test_who_asks_again_at_once_is_not_in_the_way_of_itself(site):
    """Four may ask at a time: the place of the question that is answered is free for the next one."""
    with contextlib.ExitStack() as stack:
        asking = []
        for _ in range(4):
            asking.append(stack.enter_context(socket.socket(socket.AF_UNIX)))
            asking[-1].settimeout(30)
            asking[-1].connect(site.socket)
        for s in asking:
            s.sendall(b"show sessions --json\n" * 25)
            s.shutdown(socket.SHUT_WR)
        for s in asking:
            answer = b"".join(iter(lambda s=s: s.recv(65536), b""))
            assert b"refused" not in answer and answer.count(b"\nok\n") == 25
