"""Ends: what is under way finishes, nothing new begins, and nothing is left behind."""
import os
import signal
import socket
import subprocess
import time

import pytest

from harness import LBC, Client, accepts, kept_back, wait_for, wrapper
from harness.load import Load


def refused(port):
    """Does the kernel say so at once? A connection that waits for ever is not refused."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


def is_closed(client):
    client.socket.settimeout(5)
    return client.at_end()


def stop_by(how, lbc):
    if how == "ctl shutdown":
        assert lbc.ctl("shutdown") == "shutting down\n"
    else:
        lbc.signal(getattr(signal, how))


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "ctl shutdown"])
def test_what_is_under_way_finishes_and_nothing_new_begins(proxy, how):
    lbc = proxy(drain=20)
    slow, idle, fresh = Client(lbc.port), Client(lbc.port), Client(lbc.port)
    assert idle.get("/b/10").status == 200
    slow.request("/slow/60000")
    wait_for(lambda: lbc.show("info")["metrics"]["requests_in_flight"] == 1, "it waits")
    stop_by(how, lbc)

    assert is_closed(idle) and is_closed(fresh)
    wait_for(lambda: refused(lbc.port), "new connections are refused")
    assert lbc.show("info")["metrics"]["requests_in_flight"] == 1  # and not because it has ended
    r = kept_back(slow, lbc.origin)
    assert (r.status, r["connection"]) == (200, "close")
    assert is_closed(slow)
    assert lbc.wait(10) == 0
    assert not os.path.exists(lbc.socket)
    assert [e["status"] for e in lbc.log()] == [200, 200]


def test_a_response_that_has_begun_is_finished(proxy):
    lbc = proxy(drain=30)
    with Client(lbc.port) as c:
        size = 100_000_000
        c.request(f"/b/{size}")
        r = c.head()
        lbc.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert lbc.alive()
        assert len(c.body(r)) == size
    assert lbc.wait(10) == 0


def test_a_request_body_on_its_way_is_taken(proxy):
    lbc = proxy(drain=30)
    with Client(lbc.port) as c:
        c.request("/echo", "Content-Length: 1000", method="POST", body=b"x" * 500)
        time.sleep(0.3)
        lbc.signal(signal.SIGTERM)
        time.sleep(0.3)
        c.send(b"y" * 500)
        r = c.response()
        assert r.status == 200 and r.body.endswith(b"x" * 500 + b"y" * 500)
    assert lbc.wait(10) == 0


def test_a_head_that_has_begun_is_answered(proxy):
    lbc = proxy(drain=30)
    with Client(lbc.port) as c:
        c.send("GET /b/10 HTTP/1.1\r\nHo")
        time.sleep(0.3)
        lbc.signal(signal.SIGTERM)
        time.sleep(0.3)
        c.send("st: x\r\n\r\n")
        assert c.response().status == 200
    assert lbc.wait(10) == 0


def test_the_deadline_cuts(proxy):
    lbc = proxy(drain=1)
    with Client(lbc.port) as c:
        c.request("/slow/30000")
        time.sleep(0.3)
        begun = time.monotonic()
        lbc.signal(signal.SIGTERM)
        assert lbc.wait(10) == 0
        assert 0.9 < time.monotonic() - begun < 5
        assert is_closed(c)
    assert [e["end"] for e in lbc.log()] == ["shutdown"]


def test_tunnels_are_cut_at_the_deadline(proxy):
    lbc = proxy(drain=1)
    with Client(lbc.port) as c:
        c.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
        assert c.head().status == 101
        lbc.signal(signal.SIGTERM)
        time.sleep(0.3)
        c.send(b"still here")
        assert c.file.read(10) == b"still here"
        assert lbc.wait(10) == 0
        assert is_closed(c)


def test_what_is_left_is_shown(proxy):
    lbc = proxy(drain=60)
    with Client(lbc.port) as tunnel, Client(lbc.port) as slow:
        tunnel.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
        assert tunnel.head().status == 101
        slow.request("/slow/60000")
        wait_for(lambda: lbc.show("info")["metrics"]["requests_in_flight"] == 2, "it waits")  # the tunnel is one, too
        assert "drain" not in lbc.show("info")
        lbc.signal(signal.SIGTERM)
        left = wait_for(lambda: lbc.show("info").get("drain"), "it drains")
        assert (left["connections"], left["requests"], left["tunnels"]) == (2, 1, 1) and 0 < left["left_s"] <= 60
        text = lbc.ctl("show", "info")
        assert "state       shutting down\n" in text and "draining    connections 2, requests 1, tunnels 1, closed in " in text
        wait_for(lambda: "draining: 2 connections, with 1 request and 1 tunnel under way; " in lbc.said(), "the log has it", 30)
        assert kept_back(slow, lbc.origin).status == 200
        wait_for(lambda: "draining: 1 connection, with 0 requests and 1 tunnel under way; " in lbc.said(), "and again", 30)
    assert lbc.wait(20) == 0


def test_the_second_signal_is_meant(proxy):
    lbc = proxy(drain=600)
    with Client(lbc.port) as c:
        c.request("/slow/30000")
        time.sleep(0.3)
        lbc.signal(signal.SIGTERM)
        time.sleep(0.5)
        assert lbc.alive()
        lbc.signal(signal.SIGTERM)
        assert lbc.wait(10) == 0
        assert is_closed(c)
    assert not os.path.exists(lbc.socket)


def test_a_shutdown_under_load_only_refuses(proxy):
    """Each request is answered, or the connection is closed between two: never half an answer."""
    lbc = proxy(drain=20)
    with Load(lbc.port, connections=8, size=100_000) as load:
        time.sleep(0.5)
        lbc.signal(signal.SIGTERM)
        assert lbc.wait(20) == 0
    assert {a.what.partition("(")[0] for a in load.failed()} <= {
        "ConnectionRefusedError", "EOFError", "ConnectionResetError", "BrokenPipeError"}
    assert not [a for a in load.failed() if "of 100000 bytes" in a.what]
    assert all(e["end"] == "complete" for e in lbc.log())


def test_no_reload_begins_during_a_shutdown(proxy):
    lbc = proxy(drain=20)
    with Client(lbc.port) as c:
        c.request("/slow/60000")
        wait_for(lambda: lbc.show("info")["metrics"]["requests_in_flight"] == 1, "it waits")
        lbc.signal(signal.SIGTERM)
        wait_for(lambda: lbc.show("info")["draining"], "it drains")
        assert lbc.ctl("reload", check=False).returncode == 1
        assert kept_back(c, lbc.origin).status == 200
    assert lbc.wait(10) == 0


def test_stopping_as_it_starts(proxy):
    """Before the first checks are in, too."""
    lbc = proxy(cluster='health http GET "/" { every 1s; timeout 500ms }')
    lbc.stop()
    for _ in range(3):
        lbc.popen = subprocess.Popen([*wrapper(), LBC, "run", str(lbc.file), "--socket", lbc.socket,
                                      "--access-log", "off"], stderr=subprocess.DEVNULL)
        wait_for(lambda: os.path.exists(lbc.socket), "it starts", 30)
        lbc.popen.send_signal(signal.SIGTERM)
        assert lbc.popen.wait(10) == 0
        assert not os.path.exists(lbc.socket)


def test_the_exit_status_of_ctl(proxy):
    lbc = proxy()

    def status(*words):
        return lbc.ctl(*words, check=False).returncode
    assert status("show", "info") == 0
    refusal = lbc.ctl("drain", "app/nobody", check=False)
    assert (refusal.returncode, refusal.stdout) == (1, "")
    assert 'cluster "app" has no server "nobody"' in refusal.stderr
    assert status("frobnicate") == 1
    assert status() == 2
    assert status("--timeout", "never", "show", "info") == 2
    lbc.stop()
    assert status("show", "info") == 3


def test_what_is_left_of_a_crash_is_no_obstacle(start, proxy):
    lbc = proxy()
    lbc.kill()
    assert os.path.exists(lbc.socket)
    lbc.popen = subprocess.Popen([*wrapper(), LBC, "run", str(lbc.file), "--socket", lbc.socket,
                                  "--access-log", "off"], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: accepts(lbc.port), "it serves again", 30)
    with Client(lbc.port) as c:
        assert c.get("/b/10").status == 200

    second = subprocess.run([*wrapper(), LBC, "run", str(lbc.file), "--socket", lbc.socket],
                            capture_output=True, text=True, timeout=60)
    assert second.returncode == 1 and "Address already in use" in second.stderr
    assert lbc.show("info")["generation"] == 1  # the first one's socket is still there
    lbc.popen.send_signal(signal.SIGTERM)
    assert lbc.popen.wait(10) == 0
    lbc.popen.stderr.close()
