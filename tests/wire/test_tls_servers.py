"""TLS towards servers: who is believed, what is asked for and shown, and what is made of a refusal."""
import contextlib
import socket
import ssl
import time

import pytest

from harness import Client, Lbc, free_port, get, wait_for
from harness.certificates import Authority
from scripted import OK, Server, pattern, reply


class Secure(Server):
    """A scripted server that speaks TLS; `.asked` are those that it was asked for, `.shown` what it was shown."""

    def __init__(self, folder, certificate, *, client_ca=None, maximum=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / f"{certificate}.crt", folder / f"{certificate}.key")
        self.context.sni_callback = lambda _, name, __: self.asked.append(name)
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_ca)
        if maximum:
            self.context.maximum_version = maximum
        self.asked, self.shown, self.resumed = [], [], []
        super().__init__()

    def talk(self, peer):
        try:
            peer.socket = self.context.wrap_socket(peer.socket, server_side=True)
        except (OSError, ssl.SSLError):
            peer.close()
            return
        self.shown.append(peer.socket.getpeercert())
        self.resumed.append(peer.socket.session_reused)
        peer.file = peer.socket.makefile("rb")
        super().talk(peer)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    ca = Authority(tmp_path_factory.mktemp("pki"))
    ca.sign("good", "good.test", "other.test", "127.0.0.1")
    ca.sign("old", "good.test", first="20200101000000Z", last="20200201000000Z")
    ca.sign("balancer")
    ca.others = Authority(ca.folder, "others")
    ca.others.sign("alien", "good.test")
    return ca


@pytest.fixture(scope="module")
def servers(pki):
    made = {"good": Secure(pki.folder, "good"), "twelve": Secure(pki.folder, "good", maximum=ssl.TLSVersion.TLSv1_2),
            "old": Secure(pki.folder, "old"), "alien": Secure(pki.folder, "alien"),
            "asks": Secure(pki.folder, "good", client_ca=pki.file)}
    yield made
    for s in made.values():
        s.stop()


@pytest.fixture(scope="module")
def site(begin, servers, pki, silent, blunt):
    """A cluster for each way, by the request's path: /NAME/..."""
    ca = f'ca "{pki.file}"'
    ways = {
        "good": ("good", f"tls {{ {ca} }}"),
        "twelve": ("twelve", f"tls {{ {ca} }}"),
        "newest": ("twelve", f"tls {{ {ca}; min-version 1.3 }}"),
        "sni": ("good", f'tls {{ {ca}; sni "other.test" }}'),
        "wrong": ("good", f'tls {{ {ca}; sni "wrong.test" }}'),
        "loose": ("good", f'tls {{ {ca}; sni "wrong.test"; verify certificate }}'),
        "alien": ("alien", f'tls {{ {ca}; sni "good.test" }}'),
        "anybody": ("alien", 'tls { verify none }'),
        "old": ("old", f'tls {{ {ca}; sni "good.test" }}'),
        "asks": ("asks", f'tls {{ {ca}; sni "good.test"; certificate "{pki.folder}/balancer.crt" "{pki.folder}/balancer.key" }}'),
        "shows": ("asks", f'tls {{ {ca}; sni "good.test" }}'),
        "system": ("good", 'tls { sni "good.test" }'),
        "silent": (silent, f'tls {{ {ca}; sni "good.test" }}; timeout connect 300ms'),
        "plain": (blunt, f'tls {{ {ca}; sni "good.test" }}'),
        "checked": ("good", f'tls {{ {ca}; sni "good.test" }}; health http GET "/health" {{ every 100ms }}'),
        "ill": ("alien", f'tls {{ {ca}; sni "good.test" }}; health http GET "/health" {{ every 100ms; fall 1 }}')}
    at = lambda s: servers[s].port if isinstance(s, str) else s
    port = free_port()
    text = "\n".join(["lbconf 1", *(f"cluster {n} {{ server s 127.0.0.1:{at(s)}; {t} }}" for n, (s, t) in ways.items()),
                      f"listener front {{ bind 127.0.0.1:{port}; route site }}",
                      "route site {", *(f'  when path under "/{n}" {{ strip prefix "/{n}"; forward {n} }}' for n in ways),
                      "  otherwise { deny 404 }", "}"])
    lbc = begin(Lbc, text, workers=1)
    lbc.port, lbc.text = port, text
    return lbc


def metric(site, name):
    return site.show("info")["metrics"][name]


@pytest.mark.parametrize("way", ["good", "twelve", "sni", "loose", "anybody", "asks"])
def test_a_server_that_is_believed(site, servers, way):
    body = pattern(300_000)
    server = servers[{"good": "good", "sni": "good", "loose": "good", "anybody": "alien"}.get(way, way)]
    path = server.script(reply(body))
    with Client(site.port) as c:
        for _ in range(2):
            assert c.get(f"/{way}{path}", f"Content-Length: {len(body)}", host="good.test", method="POST", body=body).body == body
    assert [r.body for r in server.of(path)] == [body, body]
    assert len({r.connection for r in server.of(path)}) == 1, "the connection is kept"


@pytest.mark.parametrize("way, reason", [
    ("wrong", "Hostname mismatch"), ("alien", "unable to get local issuer certificate"), ("old", "certificate has expired"),
    ("newest", "nothing in common, or no TLS at all|protocol version"), ("plain", "nothing in common, or no TLS at all"),
    ("system", "unable to get local issuer certificate|self signed")])
def test_a_server_that_is_not(site, records, way, reason):
    before = metric(site, "tls_server_failed")
    assert get(site.port, f"/{way}/x{way}", host="good.test").status == 502
    [r] = [r for r in wait_for(lambda: [r for r in site.log() if r["uri"] == f"/{way}/x{way}"], "the record")]
    assert r["end"] == "connect-failed" and any(part in r["reason"] for part in reason.split("|")), r
    assert metric(site, "tls_server_failed") > before
    [server] = [s for s in site.show("servers") if s["cluster"] == way]
    assert server["connect_reason"] == r["reason"] and server["connect_errors"] >= 1


def test_a_server_that_asks_for_a_certificate(site, servers):
    assert get(site.port, "/asks/", host="x").status == 200
    assert dict(p for part in servers["asks"].shown[-1]["subject"] for p in part)["commonName"] == "balancer"
    # In TLS 1.3 it refuses us only when we have asked already.
    assert get(site.port, "/shows/", host="x").status == 502


def test_the_requests_host_is_asked_for_and_a_connection_serves_no_other(site, servers):
    server = servers["good"]
    path = server.script()
    for host, status in [("good.test", 200), ("other.test", 200), ("good.test:8080", 200), ("127.0.0.1", 200), ("evil.test", 502)]:
        assert get(site.port, f"/good{path}", host=host).status == status, host
    assert {"good.test", "other.test", None} <= set(server.asked)
    by_host = {r["host"].split(":")[0]: r.connection for r in server.of(path)}
    assert len(set(by_host.values())) == 3, by_host


def test_the_name_that_the_cluster_says(site, servers):
    servers["good"].asked.clear()
    assert get(site.port, "/sni/", "Connection: close", host="evil.test").status == 200
    assert "evil.test" not in servers["good"].asked


@pytest.mark.parametrize("way", ["twelve", "good"])
def test_sessions_are_resumed(site, servers, way):
    def bye(peer, request):
        peer.send(reply(b"ok", "Connection: close"))
    server = servers[way]
    path = server.script(bye)
    before = metric(site, "tls_server_resumed")
    for _ in range(4):
        assert get(site.port, f"/{way}{path}", host="good.test").status == 200
    assert server.resumed[-2:] == [True, True]
    assert metric(site, "tls_server_resumed") >= before + 2


def test_a_handshake_has_the_connect_timeout(site):
    begun = time.monotonic()
    assert get(site.port, "/silent/", host="x").status == 504
    assert 0.25 < time.monotonic() - begun < 10


def test_a_server_is_checked_as_it_is_spoken_to(site):
    wait_for(lambda: {s["cluster"]: s["health"] for s in site.show("servers")}["checked"] == "up", "it is up")
    wait_for(lambda: "ill/s is down: TLS: unable to get local issuer certificate" in site.said(), "and the other is not")
    assert get(site.port, "/ill/", host="x").status == 503


def test_an_end_without_goodbye_is_not_the_end_of_a_response(site, servers):
    """Whoever cuts the connection must not be able to pass off a part of an answer as all of it (RFC 9112 9.8)."""
    def until_close(peer, request):
        peer.send(reply(b"all of it", length=False))
        if "rude" not in request.target:
            with contextlib.suppress(OSError):
                peer.socket.unwrap()
        else:
            peer.socket = socket.socket(fileno=peer.socket.detach())
    path = servers["good"].script(until_close)
    assert get(site.port, f"/good{path}", host="good.test").body == b"all of it"
    with pytest.raises((EOFError, ConnectionError)):
        get(site.port, f"/good{path}?rude", host="good.test")


def test_connections_of_other_rules_are_not_reused(site, servers, pki):
    server = servers["good"]
    path = server.script(OK)
    first = [get(site.port, f"/good{path}", host="good.test").status for _ in range(2)]
    site.reload(site.text)
    same = get(site.port, f"/good{path}", host="good.test").status
    site.reload(site.text.replace(f'cluster good {{ server s 127.0.0.1:{server.port}; tls {{ ca "{pki.file}" }}',
                                  f'cluster good {{ server s 127.0.0.1:{server.port}; tls {{ ca "{pki.others.file}" }}'))
    other = get(site.port, f"/good{path}", host="good.test").status
    site.reload(site.text)
    assert (first, same, other) == ([200, 200], 200, 502)
    assert len({r.connection for r in server.of(path)}) == 1
