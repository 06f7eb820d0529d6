"""Tunnels and TCP connections over reloads and shutdowns: they outlive both, for as long as is said."""
import signal
import time

import pytest

from harness import Client, Lbc, Origin, accepts, free_ports, wait_for

HTTP = """lbconf 1
cluster app {{ server {server} 127.0.0.1:{origin} }}
listener {listener} {{ bind 127.0.0.1:{port}; timeout drain {drain}; route site }}
route site {{ otherwise {{ forward app }} }}
"""
TCP = HTTP.replace("bind", "protocol tcp; bind")


def upgrade(c):
    c.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
    assert c.head().status == 101


def echoes(c, message=b"hello"):
    c.send(message)
    return c.file.read(len(message)) == message


@pytest.fixture(params=["http", "tcp"])
def site(request, start):
    origin = start(Origin)
    [port] = free_ports(1)

    def text(server="a", listener="front", drain="2s"):
        return (HTTP if request.param == "http" else TCP).format(
            origin=origin.port, port=port, server=server, listener=listener, drain=drain)
    lbc = start(Lbc, text(), port=port)
    lbc.text, lbc.tcp = text, request.param == "tcp"
    return lbc


def metrics(lbc):
    return lbc.show("info")["metrics"]


def tunnels(lbc):
    return wait_for(lambda: [r for r in lbc.log() if r["end"] in ("tunnel", "drained", "complete")], "a record")


def test_a_reload_that_keeps_server_and_listener_is_not_noticed(site):
    with Client(site.port) as c:
        upgrade(c)
        for _ in range(3):
            site.reload(site.text(drain="1s") + "# changed\n")
            assert echoes(c)
        assert metrics(site)["tunnels_draining"] == 0
        assert len(site.show("generations")) == 1  # it pins its server alone
        time.sleep(1.5)
        assert echoes(c)


@pytest.mark.parametrize("gone", [{"server": "b"}, {"listener": "back"}], ids=["server", "listener"])
def test_a_tunnel_ends_in_time_when_its_server_or_listener_is_gone(site, gone):
    with Client(site.port) as c:
        upgrade(c)
        site.reload(site.text(**gone))
        began = time.monotonic()
        wait_for(lambda: metrics(site)["tunnels_draining"] == 1, "it is seen that its end is near")
        assert echoes(c)  # until then all is as before
        c.socket.settimeout(10)
        assert c.at_end()
        assert 1.5 < time.monotonic() - began < 8
    assert tunnels(site)[-1]["end"] == "drained"
    m = metrics(site)
    assert (m["tunnels_draining"], m["tunnels_drained"], m["tunnels_open"]) == (0, 1, 0)


def test_a_busy_tunnel_ends_in_time_too(site):
    with Client(site.port) as c:
        upgrade(c)
        site.reload(site.text(server="b"))
        began = time.monotonic()
        with pytest.raises((ConnectionError, AssertionError)):
            while time.monotonic() - began < 10:
                assert echoes(c)
                time.sleep(0.02)
        assert time.monotonic() - began < 8


def test_a_shutdown_gives_tunnels_their_time_and_no_more(start, site):
    with Client(site.port) as c:
        upgrade(c)
        site.signal(signal.SIGTERM)
        wait_for(lambda: not accepts(site.port), "nobody listens")
        began = time.monotonic()
        assert echoes(c)
        assert c.at_end()
        assert time.monotonic() - began > 1
    assert site.wait(10) == 0


def test_a_tunnel_that_ends_by_itself_lets_the_shutdown_end(site):
    site.reload(site.text(drain="1m"))
    with Client(site.port) as c:
        upgrade(c)
        site.signal(signal.SIGTERM)
        wait_for(lambda: not accepts(site.port), "nobody listens")
        assert echoes(c)
    assert site.wait(4) == 0
