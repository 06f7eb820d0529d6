"""WebSockets to servers of HTTP/2 (RFC 8441), asked for in either version; and answers that are no WebSocket."""
import base64
import hashlib

import pytest

from frames import ENABLE_CONNECT_PROTOCOL, PROTOCOL_ERROR, Speaker
from h2_scripted import H2Server, early, echo, says
from harness import Client, Lbc, free_port, wait_for
from scripted import OK

KEY = base64.b64encode(b"0123456789abcdef").decode()
ACCEPT = base64.b64encode(hashlib.sha1((KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
ASKS = ("Connection: upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13")


@pytest.fixture(scope="module")
def servers():
    made = {"takes": H2Server(), "refuses": H2Server()}
    made["takes"].settings["enable_connect_protocol"] = 1
    yield made
    for s in made.values():
        s.stop()


@pytest.fixture(scope="module")
def site(begin, servers, backend):
    """Three listeners: before the server that takes WebSockets, before the one that does not, and before all."""
    ports = {n: free_port() for n in ("takes", "refuses", "both")}
    lbc = begin(Lbc, "\n".join([
        "lbconf 1", *(f"cluster {n} {{ server s 127.0.0.1:{s.port}; protocol h2c }}" for n, s in servers.items()),
        f"cluster one {{ server s 127.0.0.1:{backend.port} }}",
        *(f"listener {n} {{ bind 127.0.0.1:{p}; route {n} }}" for n, p in ports.items()),
        *(f"route {n} {{ otherwise {{ forward {n} }} }}" for n in servers),
        'route both { when path under "/refuses" { strip prefix "/refuses"; forward refuses }',
        '  when path under "/one" { strip prefix "/one"; forward one }',
        "  otherwise { forward takes } }"]), workers=1)
    lbc.ports = ports
    return lbc


def connect(speaker, path, protocol="websocket"):
    stream, speaker.next_id = speaker.next_id, speaker.next_id + 2
    speaker.send(speaker.head([(":method", "CONNECT"), (":protocol", protocol), (":scheme", "http"), (":path", path),
                               (":authority", "x"), ("sec-websocket-version", "13")], stream, end=False))
    return stream


def offers(port):
    with Speaker(port) as s:
        s.until(lambda: s.settings)
        return s.settings.get(ENABLE_CONNECT_PROTOCOL) == 1


def test_an_upgrade_becomes_an_extended_connect(site, servers):
    server = servers["takes"]
    path = server.script(echo)
    with Client(site.ports["takes"]) as c:
        c.request(path, *ASKS)
        head = c.head()
        assert (head.status, head["upgrade"], head["connection"]) == (101, "websocket", "upgrade")
        assert head["sec-websocket-accept"] == ACCEPT
        for message in (b"one", b"\x00\xff", b"x" * 200_000):
            c.send(message)
            assert c.file.read(len(message)) == message
    head = server.asked[path].heads[0]
    assert head[:5] == [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "x"), (":path", path)]
    assert dict(head)["sec-websocket-version"] == "13"
    assert not {"sec-websocket-key", "upgrade", "connection"} & set(dict(head))
    wait_for(lambda: server.asked[path].ended or server.asked[path].reset is not None, "the end reaches the server")


def test_what_is_offered_to_clients(site, servers):
    """Only where a server takes it: of HTTP/1 any may, of HTTP/2 those that have said so."""
    for name, server in servers.items():
        with Speaker(site.ports[name]) as s:
            assert s.get(server.script(says())).status == 200
    assert {n: offers(p) for n, p in site.ports.items()} == {"takes": True, "refuses": False, "both": True}


def test_an_extended_connect_becomes_one(site, servers):
    server = servers["takes"]
    path = server.script(echo)
    with Speaker(site.ports["both"]) as s:
        stream = connect(s, path)
        s.until(lambda: stream in s.answers and s.answers[stream].heads)
        assert s.answers[stream].status == 200 and not s.answers[stream].ended
        s.data(stream, b"hello")
        s.until(lambda: s.answers[stream].body == b"hello")
        s.data(stream, b"more", end=True)
        assert s.answer(stream).body == b"hellomore"
    assert dict(server.asked[path].heads[0])[":protocol"] == "websocket"


def test_a_server_that_says_no(site, servers):
    server = servers["takes"]
    path = server.script(early(says(b"not you", status="403")))
    with Speaker(site.ports["both"]) as s:
        got = s.answer(connect(s, path))
        assert (got.status, got.body) == (403, b"not you")
    with Client(site.ports["takes"]) as c:
        got = c.get(path, *ASKS)
        assert (got.status, got.body) == (403, b"not you")


def test_a_server_that_takes_none(site, servers):
    """An Upgrade may be ignored (RFC 9110 7.8), an extended CONNECT may not: it has no other answer."""
    path = servers["refuses"].script(says(b"a page"))
    with Client(site.ports["refuses"]) as c:
        got = c.get(path, *ASKS)
        assert (got.status, got.body) == (200, b"a page")
    assert dict(servers["refuses"].asked[path].heads[0])[":method"] == "GET"
    with Speaker(site.ports["both"]) as s:
        assert s.answer(connect(s, f"/refuses{path}")).status == 502
    record = wait_for(lambda: [r for r in site.log() if r["uri"] == f"/refuses{path}"], "the record")[0]
    assert record["reason"] == "the server does not take WebSockets over HTTP/2 (RFC 8441)"
    with Speaker(site.ports["refuses"]) as s:
        assert s.answer(connect(s, path)).reset == PROTOCOL_ERROR


@pytest.mark.parametrize("protocol", ["connect-udp", "chat"])
def test_other_protocols_are_not_passed_on(site, servers, protocol):
    path = servers["takes"].script(echo)
    with Speaker(site.ports["both"]) as s:
        assert s.answer(connect(s, path, protocol)).status == 502
    assert path not in servers["takes"].asked


def test_a_page_is_no_websocket(site, backend):
    """Any 2xx to an extended CONNECT says that it is one: a server of HTTP/1 that ignored the Upgrade has not."""
    path = backend.script(OK)
    with Speaker(site.ports["both"]) as s:
        assert s.answer(connect(s, f"/one{path}")).status == 502
    with Client(site.ports["both"]) as c:
        assert c.get(f"/one{path}", *ASKS).status == 200
