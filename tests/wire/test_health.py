"""Health checks beyond HTTP/1: in HTTP/2, a handshake of TLS, gRPC's own; and what they say of a server."""
import struct

import pytest

from h2_scripted import H2Server, context, says
from harness import Lbc, free_port, get, wait_for
from harness.certificates import Authority
from scripted import Server

CHECK = "/grpc.health.v1.Health/Check"
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


def message(body):
    return struct.pack(">BI", 0, len(body)) + body


def grpc(body=SERVING, status="0", *, trailers=True):
    """An answer of gRPC: its status in trailers, or in the head alone."""
    fields = [("grpc-status", status)]
    if not trailers:
        return says(b"", ("content-type", "application/grpc"), *fields)
    return says(message(body), ("content-type", "application/grpc"), trailers=fields)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    ca = Authority(tmp_path_factory.mktemp("pki"))
    ca.sign("good", "good.test", "127.0.0.1")
    return ca


@pytest.fixture(scope="module")
def servers(pki):
    def never(peer, stream, asked):
        pass
    made = {name: H2Server(c) for name, c in {
        "plain": None, "poor": None, "mute": None, "secure": context(pki.folder, "good", "h2"),
        "older": context(pki.folder, "good"), "grpc": None, "ill": None, "unknown": None, "none": None,
        "odd": None, "tells": None, "secret": context(pki.folder, "good", "h2")}.items()}
    for s in made.values():
        s.scripts["/healthz"] = says(b"fine", status="204")
        s.scripts[CHECK] = grpc()
    made["poor"].scripts["/healthz"] = says(b"no", status="503")
    made["mute"].scripts["/healthz"] = never
    made["ill"].scripts[CHECK] = grpc(NOT_SERVING)
    made["unknown"].scripts[CHECK] = grpc(status="5", trailers=False)
    made["none"].scripts[CHECK] = grpc(status="12", trailers=False)
    made["odd"].scripts[CHECK] = says(b"a page")
    yield made
    for s in made.values():
        s.stop()


CHECKS = [  # cluster, server, its protocol, its check, the state, the reason
    ("h2c", "plain", "protocol h2c", 'http GET "/healthz"', "up", "status 204"),
    ("h2c-bad", "poor", "protocol h2c", 'http GET "/healthz"', "down", "status 503"),
    ("h2c-mute", "mute", "protocol h2c", 'http GET "/healthz" { timeout 200ms }', "down", "no answer within 200ms"),
    ("h2", "secure", "protocol h2; TLS", 'http GET "/healthz"', "up", "status 204"),
    ("h2-older", "older", "protocol h2; TLS", 'http GET "/healthz"', "down",
     "TLS: the server did not agree to speak HTTP/2 (ALPN h2)"),
    ("h2-no", "blunt", "protocol h2c", 'http GET "/healthz"', "down", "not an HTTP/2 response"),
    ("shake", "secure", "", "tls", "up", "handshake done"),
    ("shake-name", "secure", "TLS", 'tls { sni "good.test" }', "up", "handshake done"),
    ("shake-other", "secure", "TLS", 'tls { sni "other.test" }', "down", "TLS: Hostname mismatch"),
    ("shake-plain", "blunt", "", "tls", "down", "TLS: nothing in common, or no TLS at all"),
    ("grpc", "grpc", "protocol h2c", 'grpc { service "shop.Cart" }', "up", "serving"),
    ("grpc-all", "tells", "protocol h2c", "grpc", "up", "serving"),
    ("grpc-tls", "secret", "TLS", 'grpc { sni "good.test" }', "up", "serving"),
    ("grpc-ill", "ill", "protocol h2c", "grpc", "down", "not serving"),
    ("grpc-unknown", "unknown", "protocol h2c", 'grpc { service "x" }', "down", "grpc-status 5: no such service"),
    ("grpc-none", "none", "protocol h2c", "grpc", "down", "grpc-status 12: no health service there"),
    ("grpc-odd", "odd", "protocol h2c", "grpc", "down", "not a gRPC answer"),
    ("port", "two", "", 'http GET "/healthz" { port ELSE; header "X-Probe" "yes"; header "accept" "text/plain" }',
     "up", "status 200"),
]


@pytest.fixture(scope="module")
def one():
    """It speaks HTTP/1."""
    s = Server()
    yield s
    s.stop()


@pytest.fixture(scope="module")
def site(begin, servers, pki, one, blunt):
    text = ["lbconf 1"]
    for name, server, protocol, check, _, _ in CHECKS:
        port = {"blunt": blunt, "two": free_port()}.get(server) or servers[server].port
        check = check.replace("ELSE", str(one.port)).rstrip("} ")
        check += ("; " if "{" in check else " { ") + f"every {'300ms' if name == 'grpc' else '3s'}; rise 1; fall 1 }}"
        protocol = protocol.replace("TLS", f'tls {{ ca "{pki.file}" }}')
        text.append(f"cluster {name} {{ server s 127.0.0.1:{port}; {protocol}; health {check} }}")
    text += [f"listener front {{ bind 127.0.0.1:{free_port()}; route site }}", "route site {",
             *(f'  when path under "/{c[0]}" {{ forward {c[0]} }}' for c in CHECKS), "  otherwise { deny 404 } }"]
    return begin(Lbc, "\n".join(text), workers=1)


@pytest.mark.parametrize("name, state, reason", [(c[0], *c[4:]) for c in CHECKS], ids=[c[0] for c in CHECKS])
def test_a_check(site, servers, name, state, reason):
    wait_for(lambda: f"server {name}/s is {state}: {reason}" in site.said(), f"{name} is {state}", 20)


def test_what_is_asked(site, servers, one):
    for name in ("h2c", "grpc", "grpc-all", "port"):
        wait_for(lambda: f"server {name}/s is up" in site.said(), name)
    head = servers["plain"].asked["/healthz"].heads[0]
    assert head == [(":method", "GET"), (":scheme", "http"), (":authority", f"127.0.0.1:{servers['plain'].port}"),
                    (":path", "/healthz"), ("user-agent", "lbc-health"), ("accept", "*/*")]
    asked = servers["grpc"].asked[CHECK]
    assert dict(asked.heads[0])[":method"] == "POST"
    assert {("content-type", "application/grpc"), ("te", "trailers")} <= set(asked.heads[0])
    assert asked.body == message(b"\x0a\x09shop.Cart")
    assert servers["tells"].asked[CHECK].body == message(b"")
    assert dict(servers["secret"].asked[CHECK].heads[0])[":authority"] == "good.test"
    request = one.of("/healthz")[-1]
    assert (request["x-probe"], request["accept"], request["host"]) == ("yes", "text/plain", f"127.0.0.1:{one.port}")


def test_a_server_that_changes_its_mind(site, servers):
    server = servers["grpc"]
    wait_for(lambda: "server grpc/s is up: serving" in site.said(), "it is up")
    server.scripts[CHECK] = grpc(NOT_SERVING)
    wait_for(lambda: "server grpc/s is down: not serving" in site.said(), "it is down")
    server.scripts[CHECK] = grpc()
    wait_for(lambda: site.said().count("server grpc/s is up: serving") == 2, "it is up again")


def test_assumed_to_be_up(begin, one):
    """Before the first verdict, which here does not come."""
    port, gone = free_port(), free_port()
    text = """lbconf 1
cluster a {{ server s 127.0.0.1:{one}; health tcp {{ port {gone}; every 500ms; fall 1000; assume {assume} }} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward a }} }}
"""
    lbc = begin(Lbc, text.format(one=one.port, gone=gone, port=port, assume="up"), name="assumed", port=port)
    assert get(port).status == 200
    assert lbc.show("servers")[0]["health"] == "up"
    other = free_port()
    lbc = begin(Lbc, text.format(one=one.port, gone=gone, port=other, assume="down"), name="unassumed", port=other)
    assert get(other).status == 503
