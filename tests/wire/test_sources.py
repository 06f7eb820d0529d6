"""How many connections one client may have, how often it may connect, and who is waited for before that."""
import contextlib
import socket
import ssl

import pytest

from harness import Client, Lbc, free_port, get, wait_for
from harness.certificates import Authority


def counter(lbc, name):
    return lbc.show("info")["metrics"][name]


class From(Client):
    """A client with an address of its own."""

    def __init__(self, port, address, timeout=10):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(address, 0))
        self.file = self.socket.makefile("rb")


def is_served(c):
    try:
        return c.get("/").status == 200
    except (OSError, EOFError, AssertionError, IndexError, ValueError):
        return False


def is_refused(port):
    """The reset may come while it still connects."""
    try:
        with Client(port) as c:
            return not is_served(c)
    except ConnectionResetError:
        return True


def come(port, stack):
    """Those of twenty that are served."""
    served = []
    for _ in range(20):
        with contextlib.suppress(ConnectionResetError):
            c = stack.enter_context(Client(port))
            served += [c] if is_served(c) else []
    return served


@pytest.fixture
def front(start):
    def begin(more, workers=1, first=""):
        port = free_port()
        text = f"""lbconf 1
{first}
listener front {{ bind 127.0.0.1:{port} {{}}; route site
  {more}
}}
route site {{ otherwise {{ respond 200 "ok" }} }}
""".replace(" {}", "")
        return start(Lbc, text, workers=workers, port=port)
    return begin


@pytest.mark.parametrize("workers", [1, 2])
def test_a_client_has_its_connections_and_no_more(front, workers):
    lbc = front("max-connections-per-source 5", workers=workers)
    with contextlib.ExitStack() as stack:
        served = come(lbc.port, stack)
        assert len(served) == 5
        assert counter(lbc, "connections_over_source") == 15
        assert is_served(stack.enter_context(From(lbc.port, "127.0.0.2")))
        assert all(is_served(c) for c in served)
        served[0].close()
        wait_for(lambda: counter(lbc, "connections_open") == 5, "one of them is closed")
        assert is_served(stack.enter_context(Client(lbc.port)))
        assert is_refused(lbc.port)
    lines = [line for line in lbc.said().splitlines() if "max-connections-per-source" in line]
    assert len(lines) in range(1, workers + 1)
    assert "listener front: reset a connection above max-connections-per-source of 127.0.0.1" in lines[0]


def test_a_reload_keeps_the_count(front):
    lbc = front("max-connections-per-source 2")
    with Client(lbc.port) as a, Client(lbc.port) as b:
        assert is_served(a) and is_served(b)
        text = lbc.file.read_text()
        lbc.reload(text.replace("per-source 2", "per-source 3"))
        with Client(lbc.port) as c:
            assert is_served(c) and is_refused(lbc.port)


def test_a_reload_to_more_connections_keeps_the_count(front):
    lbc = front("max-connections-per-source 2; max-connections 4")
    text = lbc.file.read_text()
    with Client(lbc.port) as a, Client(lbc.port) as b:
        assert is_served(a) and is_served(b)
        for room in (100, 1000):
            lbc.reload(text.replace("max-connections 4", f"max-connections {room}"))
            assert is_refused(lbc.port)
        with From(lbc.port, "127.0.0.2") as other:
            assert is_served(other)
        a.close()
        wait_for(lambda: counter(lbc, "connections_open") == 1, "they have left")
        with Client(lbc.port) as c:
            assert is_served(c) and is_refused(lbc.port)


def test_a_reload_to_more_connections_counts_them_all(front):
    lbc = front("max-connections-per-source 1; max-connections 4")
    lbc.reload(lbc.file.read_text().replace("max-connections 4", "max-connections 100"))
    with contextlib.ExitStack() as stack:
        for i in range(2, 22):
            assert is_served(stack.enter_context(From(lbc.port, f"127.0.0.{i}")))
        for i in range(2, 22):
            with contextlib.suppress(ConnectionResetError):
                assert not is_served(stack.enter_context(From(lbc.port, f"127.0.0.{i}")))


def test_a_client_that_connects_too_often(front):
    lbc = front("on connect { otherwise { limit new; continue } }",
                first="limit new { key src  rate 3/h }")
    for _ in range(3):
        with Client(lbc.port) as c:
            assert is_served(c) and is_served(c)  # its requests do not count
    assert is_refused(lbc.port) and is_refused(lbc.port)
    with From(lbc.port, "127.0.0.2") as c:
        assert is_served(c)
    assert counter(lbc, "connections_limited") == 2
    assert counter(lbc, "requests_limited") == counter(lbc, "connections_dropped") == 0
    assert lbc.said().count("reset a connection above a limit of `on connect` of 127.0.0.1") == 1


def test_a_connection_counts_once_at_a_limit(front):
    lbc = front("""on connect {
                     when src in 127.0.0.0/8 { limit new; limit new; continue }
                     otherwise { limit new; continue }
                   }""", first="limit new { key src  rate 3/h }")
    assert [get(lbc.port).status for _ in range(3)] == [200] * 3
    assert is_refused(lbc.port)
    assert counter(lbc, "connections_limited") == 1


def test_connections_at_a_time_by_a_limit(front):
    lbc = front("on connect { otherwise { limit open; continue } }",
                first="limit open { key src  concurrent 2 }")

    def in_flight():
        return lbc.show("limits")[0]["in_flight"]
    with Client(lbc.port) as a:
        assert is_served(a)
        with Client(lbc.port) as b:
            assert is_served(b) and is_refused(lbc.port)
            lbc.reload()  # whoever is counted stays so
            assert in_flight() == 2 and is_refused(lbc.port)
        wait_for(lambda: in_flight() == 1, "its place is free")
        with Client(lbc.port) as c:
            assert is_served(c)
    wait_for(lambda: in_flight() == 0, "all have gone")


def test_a_limit_that_observes_resets_nobody(front):
    lbc = front("on connect { otherwise { limit new; continue } }",
                first="limit new { key src  rate 1/h  mode observe }")
    assert [get(lbc.port).status for _ in range(3)] == [200] * 3
    assert counter(lbc, "connections_limited") == 0


def test_handshakes_that_are_too_many_wait(start, tmp_path):
    authority, port = Authority(tmp_path), free_port()
    pair = authority.sign("site", "localhost")
    lbc = start(Lbc, f"""lbconf 1
tls site {{ certificate {pair} }}
listener front {{ bind 127.0.0.1:{port} tls site; route site; max-handshakes 20 }}
route site {{ otherwise {{ respond 200 "ok" }} }}
""", workers=1, port=port)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    waiting = [socket.create_connection(("127.0.0.1", port)) for _ in range(15)]
    for c in waiting:
        c.settimeout(20)
        with context.wrap_socket(c) as t:
            t.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert t.recv(100).startswith(b"HTTP/1.1 200")
    assert counter(lbc, "handshakes_deferred") > 0
    assert counter(lbc, "tls_handshakes") == 15


def test_who_has_said_nothing_is_not_there(start):
    port = free_port()
    lbc = start(Lbc, f"lbconf 1\nlistener front {{ bind 127.0.0.1:{port} defer-accept; route site }}\n"
                     'route site { otherwise { respond 200 "ok" } }\n', workers=1, port=port)
    with Client(port) as silent:
        assert get(port).status == 200
        assert counter(lbc, "connections_accepted") == 1
        assert is_served(silent)
    assert counter(lbc, "connections_accepted") == 2
