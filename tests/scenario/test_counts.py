"""What is counted of each listener, clause, cluster and server is what clients and servers saw."""
import contextlib
import json
import re
import socket
import subprocess

import pytest

from harness import Client, Lbc, Origin, free_ports, wait_for

SITE = """lbconf 1
cluster app {{ server a 127.0.0.1:{origin}; server none 127.0.0.1:1 backup }}
cluster bad {{ server b 127.0.0.1:{origin}; retry 2 on 503 }}
cluster nobody {{ server c 127.0.0.1:1 }}
listener front {{ bind 127.0.0.1:{port}; route site }}
listener other {{ bind 127.0.0.1:{other}; route site }}
listener bytes {{ protocol tcp; bind 127.0.0.1:{tcp}; route raw }}
route site {{
  when path under "/denied" {{ deny 403 }}
  when path under "/moved" {{ redirect 302 "/b/1" }}
  when path under "/status" {{ forward bad }}
  when path under "/nobody" {{ forward nobody }}
  when path under "/never" {{ deny 418 }}
  otherwise {{ forward app }}
}}
route raw {{ otherwise {{ forward app }} }}
"""


@pytest.fixture
def site(start):
    port, other, tcp = free_ports(3)
    origin = start(Origin).port
    lbc = start(Lbc, SITE.format(origin=origin, port=port, other=other, tcp=tcp), port=port)
    lbc.other, lbc.tcp = other, tcp
    return lbc


def classes(row, what):
    return {n: row[f"{what}_{n}xx"] for n in range(1, 6) if row[f"{what}_{n}xx"]}


def of(rows, **names):
    [row] = [r for r in rows if all(r[k] == v for k, v in names.items())]
    return row


def clause(lbc, number, route="site"):
    return of(lbc.show("clauses"), route=route, clause=number)


def settled(lbc):
    wait_for(lambda: lbc.show("info")["metrics"]["requests_in_flight"] == 0, "all requests have ended")


def ask(port, *paths):
    client = Client(port)
    statuses = [client.get(path).status for path in paths]
    client.close()
    return statuses


def test_each_class_where_it_belongs(site):
    assert ask(site.port, "/b/10", "/b/20", "/denied", "/moved", "/status/500", "/nobody") == [200, 200, 403, 302, 500, 502]
    assert ask(site.other, "/b/10", "/denied") == [200, 403]
    settled(site)
    listeners = site.show("listeners")
    assert classes(of(listeners, listener="front"), "requests") == {2: 2, 3: 1, 4: 1, 5: 2}
    assert classes(of(listeners, listener="other"), "requests") == {2: 1, 4: 1}
    assert [classes(clause(site, n), "requests") for n in range(1, 7)] == [
        {4: 2}, {3: 1}, {5: 1}, {5: 1}, {}, {2: 3}]
    clusters, servers = site.show("clusters"), site.show("servers")
    assert classes(of(clusters, cluster="app"), "requests") == {2: 3}
    assert classes(of(clusters, cluster="nobody"), "requests") == {5: 1}  # by us, for its server can't be reached
    assert classes(of(servers, cluster="nobody"), "responses") == {}
    assert classes(of(servers, server="a"), "responses") == {2: 3}


def test_bytes_are_those_of_heads_and_bodies(site):
    client = Client(site.port)
    asked = b"POST /b/5000 HTTP/1.1\r\nHost: x\r\nContent-Length: 700\r\n\r\n" + bytes(700)
    client.send(asked)
    response = client.response()
    assert len(response.body) == 5000
    settled(site)
    front, server = of(site.show("listeners"), listener="front"), of(site.show("servers"), server="a")
    assert front["received_bytes"] == len(asked)
    assert 5000 < front["sent_bytes"] < 5600 and 5000 < server["received_bytes"] < 5600
    assert 700 < server["sent_bytes"] < 1200
    assert clause(site, 6)["sent_bytes"] == front["sent_bytes"] and clause(site, 5)["sent_bytes"] == 0
    text = site.ctl("show", "metrics")
    [told] = re.findall(r'^lbc_clause_response_bytes_total\{route="site",clause="6",line="\d+",id="\w{8}"\} (\d+)$', text, re.M)
    assert int(told) == front["sent_bytes"]


def test_clauses_of_on_connect_and_on_response(start):
    port = free_ports(1)[0]
    lbc = start(Lbc, f"""lbconf 1
set banned: network = {{ 127.0.0.9 }}
limit connections {{ key src; rate 1/h burst 2 }}
listener front {{
  bind 127.0.0.1:{port}; route site
  on connect {{ when src in banned {{ drop }} otherwise {{ limit connections; continue }} }}
  on response {{
    when status == 200 {{ set header "x-a" "1"; add header "x-b" "2"; continue }}
    when status == 404 {{ set header "x-c" "3"; continue }}
  }}
}}
route site {{ otherwise {{ respond 200 "hello" }} }}
""", port=port)
    assert ask(port, "/", "/") == [200, 200] and ask(port, "/nothing") == [200]
    with socket.create_connection(("127.0.0.1", port)) as s, contextlib.suppress(ConnectionResetError):
        assert s.recv(1) == b""  # one too many, which the limit counts
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.9", 0)) as s:
            with contextlib.suppress(ConnectionResetError):
                assert s.recv(1) == b""
    settled(lbc)
    wait_for(lambda: clause(lbc, 1, "front on connect")["requests"] == 3, "all are dropped")

    def row(number, route):
        c = clause(lbc, number, route)
        return c["decides"], c["requests"], c["unanswered"], c["continued"]
    assert [row(n, "front on connect") for n in (1, 2)] == [(True, 3, 3, 0), (False, 0, 0, 2)]
    assert [row(n, "front on response") for n in (1, 2)] == [(False, 0, 0, 3), (False, 0, 0, 0)]
    assert row(1, "site") == (True, 3, 0, 0)


def test_an_answer_that_was_tried_again_is_the_server_s_and_not_the_client_s(site):
    assert ask(site.port, "/status/503") == [503]
    settled(site)
    assert classes(of(site.show("servers"), server="b"), "responses") == {5: 3}
    bad = of(site.show("clusters"), cluster="bad")
    assert classes(bad, "requests") == {5: 1} and bad["retried"] == 2


def test_http2_tunnels_and_tcp(site):
    subprocess.run(["h2load", "-c2", "-m5", "-n50", f"http://127.0.0.1:{site.port}/b/10"], check=True, capture_output=True)
    client = Client(site.port)
    client.request("/upgrade", "Connection: upgrade", "Upgrade: websocket")
    assert client.head().status == 101
    raw = Client(site.tcp)
    raw.request("/b/10")
    assert raw.response().status == 200  # of the origin: here it is bytes
    wait_for(lambda: of(site.show("listeners"), listener="bytes")["requests_1xx"] == 0
             and clause(site, 1, "raw")["unanswered"] == 1, "the connection is counted")
    assert classes(clause(site, 6), "requests") == {1: 1, 2: 50}
    assert classes(of(site.show("listeners"), listener="front"), "requests") == {1: 1, 2: 50}
    assert of(site.show("listeners"), listener="front")["accepted"] == 3
    client.close()
    raw.close()
    settled(site)
    assert classes(clause(site, 6), "requests") == {1: 1, 2: 50}  # their ends are not counted again


def test_counts_go_on_over_a_reload(site):
    ask(site.port, "/denied", "/b/10")
    settled(site)
    more = site.file.read_text().replace("route site {", 'route site {\n  when path under "/new" { deny 410 }')
    site.reload(more)
    assert classes(clause(site, 1), "requests") == {}
    assert classes(clause(site, 2), "requests") == {4: 1} and classes(clause(site, 7), "requests") == {2: 1}
    ask(site.port, "/new", "/denied")
    settled(site)
    assert classes(clause(site, 1), "requests") == {4: 1} and classes(clause(site, 2), "requests") == {4: 2}
    assert of(site.show("listeners"), listener="front")["requests_4xx"] == 3


def test_what_prometheus_reads_of_them(site):
    ask(site.port, "/denied", "/denied", "/b/10")
    settled(site)
    text = site.ctl("show", "metrics")
    line = next(n for n, l in enumerate(SITE.splitlines(), 1) if "/denied" in l)
    assert f'lbc_clause_requests_total{{route="site",clause="1",line="{line}",id="{clause(site, 1)["id"]}",code="4xx"}} 2\n' in text
    assert 'clause="5"' not in text
    assert re.search(r"^lbc_clauses 7$", text, re.M) and re.search(r"^lbc_clauses_unused 5$", text, re.M)
    assert 'lbc_listener_requests_total{listener="front",code="4xx"} 2\n' in text
    assert 'lbc_server_responses_total{cluster="app",server="a",code="2xx"} 1\n' in text


def test_a_clause_that_changes_something_and_goes_on_is_counted(site):
    text = site.file.read_text()
    more = ('  when path under "/b" { set header "x-a" "1"; add header "x-b" "2"; continue }\n'
            '  when method == PUT { tag "put"; continue }\n'
            '  when host == "other" { goto raw2 }\n')
    site.reload(text.replace("route site {\n", "route site {\n" + more) + "route raw2 { otherwise { forward app } }\n")
    ask(site.port, "/b/1", "/b/2", "/denied", "/b/3")
    settled(site)
    assert [clause(site, n)["continued"] for n in (1, 2, 3)] == [3, 0, 0]
    assert clause(site, 9)["requests"] == 3 and clause(site, 9)["continued"] == 0
    shown = [line.split()[2] for line in site.ctl("show", "clauses").splitlines() if line.startswith("site:")]
    assert shown == ["3", "0", "-", "1", "0", "0", "0", "0", "3"]
    assert re.search(r'^lbc_clause_continued_total\{route="site",clause="1",line="\d+",id="\w{8}"\} 3$',
                     site.ctl("show", "metrics"), re.M)


def test_a_clause_has_its_id_wherever_it_stands(site):
    ids = {c["clause"]: c["id"] for c in site.show("clauses") if c["route"] == "site"}
    assert len(set(ids.values())) == len(ids)
    site.reload(site.file.read_text().replace("route site {", 'route site {\n  when path under "/new" { deny 410 }'))
    after = {c["clause"]: c["id"] for c in site.show("clauses") if c["route"] == "site"}
    assert {n - 1: i for n, i in after.items() if n > 1} == ids


def test_a_retry_is_of_the_server_that_failed(site):
    text = site.file.read_text()
    site.reload(text.replace("cluster nobody {", "cluster nobody { balance first; ").replace(
        "server c 127.0.0.1:1 }", "server c 127.0.0.1:1; " + re.search(r"server a \S+", text)[0] + " }"))
    assert ask(site.port, "/nobody") == [200]
    settled(site)
    told = site.ctl("show", "metrics")
    assert 'lbc_server_retries_total{cluster="nobody",server="c"} 1\n' in told
    assert 'lbc_server_retries_total{cluster="nobody",server="a"} 0\n' in told
    assert 'lbc_cluster_retries_total{cluster="nobody"} 1\n' in told


def test_the_process_is_told(site):
    told = dict(line.split(" ") for line in site.ctl("show", "metrics").splitlines() if line.startswith("process_"))
    assert float(told["process_cpu_seconds_total"]) > 0
    assert float(told["process_resident_memory_bytes"]) > 1 << 20
    assert 10 < float(told["process_open_fds"]) < float(told["process_max_fds"])
    assert float(told["process_start_time_seconds"]) > 1.6e9


def test_promtool_finds_nothing_wrong(site):
    """Debian's package `prometheus` has it."""
    ask(site.port, "/denied", "/b/10", "/nobody")
    settled(site)
    r = subprocess.run(["promtool", "check", "metrics"], input=site.ctl("show", "metrics"), text=True,
                       capture_output=True, timeout=60)
    assert r.returncode == 0 and not r.stderr, r.stdout + r.stderr


def test_a_request_is_explained_as_it_would_go_now(site):
    def why(*words):
        return site.ctl("explain", *words)
    assert "deny 403" in why("GET http://x/denied/1 from 10.1.2.3") and "10.1.2.3" in why("GET http://x/denied from 10.1.2.3")
    told = why("GET", "/b/1", "listener", "other", "header", "Host: a.test", "header", "X-A: b c")
    assert "listener other" in told and "forward app" in told and "a.test" in told
    assert json.loads(site.ctl("explain", "GET http://x/nobody", "--json"))["route"] == "site"
    for wrong in ("GET", "GET http://x/ by front", "GET http://x/ listener none", "GET http://x/ from nowhere",
                  "GET http://x/ from", "GET http://x/ listener", "GET http://x/ header", "GET http://x/ header ",
                  "GET http://x/ from 10.1.0.1 from 10.1.0.2", "GET http://x/ listener front listener other"):
        assert site.ctl("explain", wrong, check=False).returncode == 1, wrong


def test_what_is_explained_is_what_serves_and_not_the_file(start):
    text = """lbconf 1
cluster app {{ server a 127.0.0.1:1; server b 127.0.0.1:2 }}
listener front {{ bind 127.0.0.1:{port}; route site }}
set banned: network = {{ 10.9.0.0/16 }}
route site {{
  when src in banned {{ deny 403 }}
  when cluster.app.up < 2 {{ deny 500 }}
  otherwise {{ forward app }}
}}
"""
    port, = free_ports(1)
    lbc = start(Lbc, text.format(port=port), port=port)
    asked = ("explain", "GET http://x/ from 10.1.0.1")
    assert "forward app" in lbc.ctl(*asked)
    lbc.ctl("drain", "app/b")
    assert "deny 500" in lbc.ctl(*asked)
    lbc.ctl("change", "add", "banned", "10.1.0.0/16")
    assert "deny 403" in lbc.ctl(*asked)
    lbc.file.write_text("nonsense")
    assert "deny 403" in lbc.ctl(*asked)
