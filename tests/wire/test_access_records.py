"""What the access log says of each way to end; of timeouts, retries and tunnels their own tests look."""
import subprocess

import pytest

from harness import LBC, Client, Lbc, free_port, wait_for, wrapper
from scripted import OK, chunked, reply

RULES = 'when header "x-deny" exists { deny }'


def half(peer, request):
    peer.send(reply(b"abc", "Content-Length: 10", length=False))


def silent(peer, request):
    return False


@pytest.mark.parametrize("what, does, fields, expected", [
    ("an answer", OK, [], {"status": 200, "end": "complete", "server_status": 200}),
    ("an error of the server's own", reply(b"", status="500 Oh"), [],
     {"status": 500, "end": "complete", "server_status": 500}),
    ("503 of the server", reply(b"", status="503 Full"), [],
     {"status": 503, "end": "complete", "server_status": 503}),
    ("a response that is cut", half, [], {"status": 200, "end": "server-error", "server_status": 200}),
    ("no response", silent, ["Content-Length: 0"],
     {"status": 502, "end": "server-error", "server_status": None}),
    ("a malformed response", b"garbage\r\n\r\n", [],
     {"status": 502, "end": "server-error", "server_status": None}),
    ("a malformed body", OK, ["Transfer-Encoding: chunked", "X-Bad: 1"],
     {"status": 400, "end": "malformed-request", "server_status": None})])
def test_a_forwarded_request(site, client, backend, records, what, does, fields, expected):
    path = backend.script(does)
    client.request(path, *fields, method="POST", body=b"x\r\n" if "X-Bad: 1" in fields else b"")
    try:
        client.response()
    except EOFError:
        pass
    [r] = records(path)
    assert {k: r.get(k) for k in expected} == expected, what
    assert (r["cluster"], r["server"], r["clause"], r["tries"]) == ("scripted", "s", "site:3", 1)
    assert (r["method"], r["host"], r["uri"], r["version"]) == ("POST", "x", path, "1.1")
    assert (r["listener"], r["client"], r["generation"]) == ("front", "127.0.0.1", 1)
    assert r["client_port"] == client.socket.getsockname()[1]


def test_an_answer_of_a_rule_has_no_server(client, backend, records):
    path = backend.script()
    assert client.get(path, "X-Deny: 1").status == 403
    [r] = records(path)
    assert (r["status"], r["end"], r["clause"], r["tries"]) == (403, "answered", "site:1", 0)
    assert not {"server", "cluster", "server_status"} & r.keys()


def test_a_refused_target_is_recorded_as_it_came(client, records):
    assert client.get("/raw/a%2fb").status == 400
    [r] = records("/raw")
    assert (r["status"], r["end"], r["uri"]) == (400, "malformed-request", "/raw/a%2fb")
    assert "clause" not in r


def test_bytes_are_those_on_the_clients_side(site, backend, records):
    path = backend.script(reply(chunked(b"z" * 1000, 10), "Transfer-Encoding: chunked", length=False))
    request = (f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
               .encode() + chunked(b"a" * 100_000, 1000))
    with Client(site.port) as c:
        c.send(request)
        got = c.file.read()
    [r] = records(path)
    assert (r["received_bytes"], r["sent_bytes"]) == (len(request), len(got))


def test_bytes_of_pipelined_requests_are_counted_once(client, backend, records):
    path = backend.script()
    requests = [f"POST {path}/{i} HTTP/1.1\r\nHost: x\r\nContent-Length: {n}\r\n\r\n".encode() + b"a" * n
                for i, n in enumerate([0, 5, 100, 3000])]
    client.send(b"".join(requests))
    for _ in requests:
        assert client.response().status == 200
    assert [r["received_bytes"] for r in records(path, 4)] == [len(r) for r in requests]


def test_bytes_of_a_tunnel_are_those_that_went_through(site, backend, records):
    def say(peer, request):
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello")
        peer.file.read()
    path = backend.script(say)
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n".encode()
    with Client(site.port) as c:
        c.send(head + b"a" * 1000)
        got = c.file.readline()
        c.send(b"b" * 100_000)
        c.socket.shutdown(1)
        got += c.file.read()
    [r] = records(path)
    assert (r["received_bytes"], r["sent_bytes"]) == (len(head) + 101_000, len(got))


def test_times_are_in_order(client, backend, records):
    client.get("/slow/100", host="origin")
    [r] = records("/slow")
    assert 0 <= r["head_ms"] <= r["first_byte_ms"] <= r["total_ms"]
    assert 0 <= r["connect_ms"] <= r["first_byte_ms"]
    assert r["first_byte_ms"] >= 99


def test_long_and_odd_values_are_kept_as_text(client, records):
    odd = "/odd/" + "%22%C3%A4" * 10 + "/" + "l" * 2000
    client.get(odd)
    [r] = records("/odd")
    assert odd.startswith(r["uri"]) and r["cut"] == ["uri"]


def test_no_server_to_choose_is_503(begin):
    port = free_port()
    lbc = begin(Lbc, f"""lbconf 1
cluster app {{ server a 127.0.0.1:{free_port()}; health tcp {{ every 100ms  timeout 100ms  fall 1 }} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
""", name="no-server", port=port)

    def is_503():
        with Client(port) as c:
            return c.get("/none").status == 503
    wait_for(is_503, "503 when the only server is down")
    last = wait_for(lambda: [r for r in lbc.log() if r["status"] == 503], "the record")[-1]
    assert (last["end"], last["tries"], last["cluster"]) == ("no-server", 0, "app")
    assert "server" not in last


def test_a_configuration_that_is_not_utf_8_is_a_clear_error(tmp_path):
    file = tmp_path / "latin1.lbconf"
    file.write_bytes(b"lbconf 1\n# M\xfcnchen\nlistener front { bind 127.0.0.1:1; route site }\n")
    done = subprocess.run([*wrapper(), LBC, "run", str(file)], capture_output=True, timeout=60)
    assert done.returncode == 1
    assert b"UTF-8" in done.stderr and b"latin1.lbconf:2" in done.stderr
    file.write_bytes(bytes(range(256)) * 100)
    done = subprocess.run([*wrapper(), LBC, "run", str(file)], capture_output=True, timeout=60)
    assert done.returncode == 1 and b"error" in done.stderr
