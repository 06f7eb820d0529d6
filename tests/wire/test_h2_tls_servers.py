"""HTTP/2 to servers over TLS: what is agreed on in the handshake, for which name, and what is made of a refusal."""
import contextlib
import socket

import pytest

from frames import Speaker
from h2_scripted import H2Server, context, says
from harness import Client, Lbc, free_port, get, wait_for
from harness.certificates import Authority
from scripted import pattern


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    ca = Authority(tmp_path_factory.mktemp("pki"))
    ca.sign("good", "good.test", "other.test", "127.0.0.1")
    ca.others = Authority(ca.folder, "others")
    ca.others.sign("alien", "good.test")
    return ca


@pytest.fixture(scope="module")
def servers(pki):
    made = {"good": H2Server(context(pki.folder, "good", "h2")),
            "older": H2Server(context(pki.folder, "good", "http/1.1")),
            "unsaid": H2Server(context(pki.folder, "good")),
            "alien": H2Server(context(pki.folder, "alien", "h2"))}
    yield made
    for s in made.values():
        s.stop()


@pytest.fixture(scope="module")
def site(begin, servers, pki, silent):
    """A cluster for each server, by the request's path: /NAME/..."""
    ports = {n: s.port for n, s in servers.items()} | {"silent": silent}
    more = {"silent": "timeout connect 300ms"}
    port = free_port()
    text = "\n".join(["lbconf 1", *(f'cluster {n} {{ server s 127.0.0.1:{p}; protocol h2; tls {{ ca "{pki.file}" }}; '
                                    f'{more.get(n, "timeout connect 5s")} }}' for n, p in ports.items()),
                      f"listener front {{ bind 127.0.0.1:{port}; route site }}", "route site {",
                      *(f'  when path under "/{n}" {{ strip prefix "/{n}"; forward {n} }}' for n in ports),
                      "  otherwise { deny 404 }", "}"])
    lbc = begin(Lbc, text, workers=1)
    lbc.port, lbc.text = port, text
    return lbc


def metric(site, name):
    return site.show("info")["metrics"][name]


def test_h2_is_spoken(site, servers):
    server = servers["good"]
    path = server.script(says(pattern(200_000), ("x-one", "1"), trailers=[("x-sum", "2")]))
    with Client(site.port) as c:
        for _ in range(2):
            got = c.get(f"/good{path}", host="good.test", method="POST", body=b"abc", *["Content-Length: 3"])
            assert (got.status, got.body, got["x-one"], got.trailers) == (200, pattern(200_000), "1", [("x-sum", "2")])
    asked = server.asked[path]
    assert asked.heads[0][:4] == [(":method", "POST"), (":scheme", "https"), (":authority", "good.test"), (":path", path)]
    assert asked.body == b"abc"
    with Speaker(site.port) as two:
        streams = [two.ask(f"/good{path}", authority="good.test") for _ in range(20)]
        assert all(two.answer(s).body == pattern(200_000) for s in streams)
    assert server.names.count("good.test") == 1, "all of it on one connection"


def test_a_connection_is_for_one_name(site, servers):
    server = servers["good"]
    path = server.script(says(b"ok"))
    server.names.clear()
    for host, status in [("good.test", 200), ("other.test", 200), ("other.test:8080", 200), ("evil.test", 502)] * 2:
        assert get(site.port, f"/good{path}", host=host).status == status, host
    assert server.names.count("other.test") == 1
    assert server.names.count("evil.test") == 2, "nobody trusted it, so it is asked again"


def test_sessions_are_resumed(site, servers):
    server = servers["good"]
    path = server.script(says(b"ok"))
    before = metric(site, "tls_server_resumed")
    for _ in range(2):  # the last session is kept, whatever name it was for
        assert get(site.port, f"/good{path}", host="good.test").status == 200
        for c in server.connections:
            with contextlib.suppress(OSError):
                c.socket.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: get(site.port, f"/good{path}", host="good.test").status == 200, "another connection")
    assert server.resumed[-1] and metric(site, "tls_server_resumed") > before


@pytest.mark.parametrize("way, host, reason", [
    ("older", "good.test", "the server did not agree to speak HTTP/2|no application protocol"),
    ("unsaid", "good.test", "the server did not agree to speak HTTP/2 (ALPN h2)"),
    ("alien", "good.test", "unable to get local issuer certificate"),
    ("good", "wrong.test", "Hostname mismatch")])
def test_a_server_that_does_not_agree(site, way, host, reason):
    path = f"/{way}/no-{host}"
    with Speaker(site.port) as two:
        streams = [two.ask(path, authority=host) for _ in range(3)]
        assert [two.answer(s).status for s in streams] == [502] * 3
    [r, *_] = wait_for(lambda: [r for r in site.log() if r["uri"] == path], "the record")
    assert r["end"] == "connect-failed" and any(part in r["reason"] for part in reason.split("|")), r
    [server] = [s for s in site.show("servers") if s["cluster"] == way]
    assert server["connect_reason"] == r["reason"] and server["connect_errors"] >= 1


def test_a_handshake_has_the_connect_timeout(site):
    assert get(site.port, "/silent/", host="x").status == 504
    with Speaker(site.port) as two:
        assert two.get("/silent/").status == 504


def test_connections_of_other_rules_are_not_reused(site, servers, pki):
    server = servers["good"]
    path = server.script(says(b"ok"))
    first = get(site.port, f"/good{path}", host="good.test").status
    n = len(server.connections)
    site.reload(site.text)
    same = get(site.port, f"/good{path}", host="good.test").status
    assert len(server.connections) == n
    site.reload(site.text.replace(f'127.0.0.1:{server.port}; protocol h2; tls {{ ca "{pki.file}"',
                                  f'127.0.0.1:{server.port}; protocol h2; tls {{ ca "{pki.others.file}"'))
    other = get(site.port, f"/good{path}", host="good.test").status
    site.reload(site.text)
    assert (first, same, other) == (200, 200, 502)
