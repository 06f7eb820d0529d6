"""lbc replay: logs in, differences out."""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LBC = pathlib.Path(os.environ.get("LBC", ROOT / "build/asan/lbc")).resolve()

CONFIGURATION = """lbconf 1
cluster api { server a 10.0.0.1:80 }
cluster web { server a 10.0.0.2:80 }
listener front { bind 127.0.0.1:8080; route site }
listener admin { bind 127.0.0.1:8081; route inside }
route site {
  when path under "/api"               { set header "x-tier" "api"; continue }
  when path under "/api"               { forward api }
  when src in 192.0.2.0/24             { deny 403 }
  when header "x-beta" == "1"          { forward api }
  when header "user-agent" == "evil"   { deny 429 }
  when host == "old.example.com"       { redirect 308 "https://www.example.com{uri}" }
  otherwise                            { forward web }
}
route inside { otherwise { deny 404 } }
"""


def own(**more):
    """A line as runtime/log writes it."""
    line = {"time": "2026-01-01T00:00:00.000Z", "client": "10.9.9.9", "client_port": 5, "listener": "front", "method": "GET",
            "scheme": "http", "host": "www.example.com", "uri": "/", "version": "1.1", "status": 200, "end": "complete",
            "generation": 1, "clause": "site:7", "cluster": "web", "server": "a", "server_status": 200, "tries": 1,
            "head_ms": 0.1, "received_bytes": 1, "sent_bytes": 1, **more}
    return json.dumps({k: v for k, v in line.items() if v is not None}, ensure_ascii=False)


def answered(status, **more):
    return own(**{"status": status, "end": "answered", "cluster": None, "server": None, "server_status": None, **more})


@pytest.fixture
def replay(tmp_path):
    def run(*lines, options=(), text=CONFIGURATION, old=None, stdin=False):
        (tmp_path / "new.lbconf").write_text(text)
        log = "".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape")
        (tmp_path / "access.log").write_bytes(log)
        options = list(options)
        if old:
            (tmp_path / "old.lbconf").write_text(old)
            options += ["--against", "old.lbconf"]
        r = subprocess.run([LBC, "replay", "-" if stdin else "access.log", "new.lbconf", *options, "--format=json"],
                           cwd=tmp_path, capture_output=True, input=log if stdin else None, timeout=60)
        assert r.stderr == b""
        told = json.loads(r.stdout)
        assert r.returncode == (1 if told["differ"] else 0)
        assert told["lines"] == told["requests"] + told["unreadable"] + told["no_request"]
        assert told["requests"] == sum(told[k] for k in ("cut", "refused", "no_listener", "alike", "unknown", "differ"))
        assert told["differ"] == sum(g["count"] for g in told["groups"])
        return told
    return run


def changes(told):
    return [(g["count"], g["old"], g["new"]) for g in told["groups"]]


@pytest.mark.parametrize("says, line, outcome", [
    ("what went to the same cluster", own(), "alike"),
    ("and through the same path", own(uri="/api/x?y=1", cluster="api", clause="site:2"), "alike"),
    ("what was denied and is", answered(403, client="192.0.2.7", clause="site:3"), "alike"),
    ("what was redirected and is", answered(308, host="old.example.com", clause="site:6"), "alike"),
    ("another listener's", answered(404, listener="admin", clause="inside:1"), "alike"),
    ("IPv6", own(client="2001:db8::1"), "alike"),
    ("a server that failed is not a decision", own(status=502, end="server-error"), "alike"),
    ("what went elsewhere", own(cluster="api"), "differ"),
    ("what was denied with another status", answered(404, client="192.0.2.7"), "differ"),
    ("what was denied and is forwarded", answered(403), "differ"),
    ("what was forwarded and is denied", own(client="192.0.2.1"), "differ"),
    ("a listener that is gone", own(listener="gone"), "no_listener"),
    ("what ended before it was decided", own(end="client-abort", status=None, cluster=None, clause=None), "unknown"),
    ("a request that was cut off", own(cut=["uri", "server"]), "cut"),
    ("but not another text that was", own(cut=["server"]), "alike"),
    ("what would be refused", own(uri="/a%2fb"), "refused"),
    ("a host that is none", own(host="a b"), "refused"),
    ("a line without a request", own(method=None, uri=None, host=None), "no_request"),
    ("an empty line", "", "no_request"),
    ("no log at all", "hello world", "unreadable"),
    ("half a line", own()[:100], "unreadable"),
    ("a wrong client", own(client="me"), "unreadable"),
    ("escapes in JSON", own().replace('"/"', '"\\/\\u0061"'), "alike"),
    ("bytes behind the line", own() + "x", "unreadable"),
])
def test_a_line_of_our_own(replay, says, line, outcome):
    told = replay(line)
    assert told[outcome] == 1, says


COMBINED = '{client} - frank [10/Oct/2000:13:55:36 -0700] "{request}" {status} 2326{rest}'


def combined(request, status=200, client="10.9.9.9", rest=' "-" "curl/8"'):
    return COMBINED.format(client=client, request=request, status=status, rest=rest)


@pytest.mark.parametrize("says, line, outcome", [
    ("a forwarded one may have any status", combined("GET / HTTP/1.1"), "unknown"),
    ("an answer that was given", combined("GET / HTTP/1.0", 403, "192.0.2.1"), "alike"),
    ("one that was not", combined("GET / HTTP/1.0", 200, "192.0.2.1"), "differ"),
    ("the user agent is known", combined("GET / HTTP/1.1", 429, rest=' "-" "evil"'), "alike"),
    ("a user agent with a quote in it", combined("GET / HTTP/1.1", 200, rest=r' "-" "a \"b\" \x41"'), "unknown"),
    ("the common format has none", combined("GET / HTTP/1.1", 429, rest=""), "unknown"),
    ("an absolute target", combined("GET http://old.example.com/a HTTP/1.1", 308), "alike"),
    ("a virtual host in front", combined("GET /a HTTP/1.1", 308, "old.example.com:80 10.0.0.1"), "alike"),
    ("what was no HTTP", combined(r"\x16\x03\x01", 400), "no_request"),
    ("what was nothing", combined("-", 408), "no_request"),
    ("a path to be normalised", combined("GET /x/../%61pi HTTP/1.1", 403), "unknown"),
    ("a path that is refused", combined("GET /\\x5c HTTP/1.1", 403), "refused"),
    ("a name for a client", combined("GET / HTTP/1.1", client="some.host"), "unreadable"),
    ("no time", '10.0.0.1 - - "GET / HTTP/1.1" 200 1', "unreadable"),
])
def test_a_line_of_others(replay, says, line, outcome):
    assert replay(line)[outcome] == 1, says


def test_what_a_line_lacks_is_given(replay):
    line = combined("GET / HTTP/1.1", 308)
    assert replay(line)["unknown"] == 1
    assert replay(line, options=["--host", "OLD.example.com."])["alike"] == 1
    assert replay(combined("GET / HTTP/1.1", 404), options=["--listener", "admin"])["alike"] == 1


def test_differences_are_grouped(replay):
    lines = [own(client=f"192.0.2.{i}") for i in range(200)] + [own(cluster="api", clause="site:2")] * 3 + [own()] * 5
    told = replay(*lines, stdin=True)
    assert changes(told) == [(200, "forward web (site:7)", "deny 403 (site:3)"), (3, "forward api (site:2)", "forward web (site:7)")]
    assert told["groups"][0]["line"] == 1 and told["groups"][1]["line"] == 201
    assert told["groups"][0]["example"] == "'GET http://www.example.com/' --from 192.0.2.0 --listener front"
    assert {c["number"]: c["count"] for c in told["clauses"] if c["route"] == "site"}[3] == 200


def test_what_depends_on_a_header_is_said(replay):
    told = replay(own(cluster="api", clause="site:4"), own())
    assert told["groups"][0]["lacks"] == 'header "x-beta"'
    assert told["header_asked"] == 2
    assert "lacks" not in replay(own(client="192.0.2.1"))["groups"][0]


def test_another_clause_with_the_same_outcome_is_alike(replay):
    told = replay(own(clause="site:9"), own())
    assert (told["alike"], told["other_clause"]) == (2, 1)


@pytest.mark.parametrize("was, now, differs", [
    ("otherwise                            { forward web }", "otherwise { forward api }", True),
    ("deny 403", "deny 403 with \"no\"", True),
    ("\"x-tier\" \"api\"", "\"x-tier\" \"API\"", True),
    ("www.example.com{uri}", "www.example.com{path}?", True),
    ("192.0.2.0/24", "192.0.2.0/25", False),
    ("  when src in", "  when method == PUT { deny 405 }\n  when src in", False),
])
def test_against_another_configuration(replay, was, now, differs):
    assert was in CONFIGURATION
    lines = [own(), own(uri="/api/1"), own(client="192.0.2.1"), own(host="old.example.com", uri="/a")]
    told = replay(*lines, old=CONFIGURATION.replace(was, now))
    assert told["differ"] == differs and told["differ"] + told["alike"] == 4


def test_long_lines_and_many(replay):
    told = replay(own(uri="/" + "a" * 200000), "x" * 3000000, own(), *[own()] * 20000)
    assert (told["alike"], told["unreadable"]) == (20002, 1)


def test_people_are_told(tmp_path):
    (tmp_path / "new.lbconf").write_text(CONFIGURATION)
    log = "\n".join([own(), own(client="192.0.2.1"), own(cluster="api", clause="site:4"), "?"])
    r = subprocess.run([LBC, "replay", "-", "new.lbconf"], cwd=tmp_path, capture_output=True, text=True, input=log)
    assert r.returncode == 1 and r.stderr == ""
    assert r.stdout == """\
           4  lines
           3  requests
           1  lines that are no access log's
           1  decided alike
           2  decided otherwise

           1  forward web (site:7) -> deny 403 (site:3)
              line 2: 'GET http://www.example.com/' --from 192.0.2.1 --listener front

           1  forward api (site:4) -> forward web (site:7)
              line 3: 'GET http://www.example.com/' --from 10.9.9.9 --listener front
              goes by header "x-beta", which the log does not have

2 requests were asked for headers that the log does not have, and decided as if
they had none of them.
"""


@pytest.mark.parametrize("arguments, code, says", [
    ([], 2, "a log and a configuration"),
    (["-", "new.lbconf", "--listener", "nope"], 2, "no such listener"),
    (["-", "new.lbconf", "--scheme", "ftp"], 2, "--scheme is http or https"),
    (["missing.log", "new.lbconf"], 3, "cannot read missing.log"),
    (["-", "missing.lbconf"], 3, "cannot read missing.lbconf"),
    ([".", "new.lbconf"], 3, "Is a directory"),
    (["-", "new.lbconf", "--against", "bad.lbconf"], 1, "E0704"),
])
def test_misuse(tmp_path, arguments, code, says):
    (tmp_path / "new.lbconf").write_text(CONFIGURATION)
    (tmp_path / "bad.lbconf").write_text("lbconf 1\n")
    r = subprocess.run([LBC, "replay", *arguments], cwd=tmp_path, capture_output=True, text=True, input="")
    assert (r.returncode, says in r.stderr) == (code, True), r.stderr


SPLIT = """lbconf 1
cluster api { server a 10.0.0.1:80 }
cluster web { server a 10.0.0.2:80 }
listener front { bind 127.0.0.1:8080; route site }
route site {
  when path == "/d" { drop }
  when path under "/a" { strip prefix "/a"; forward web }
  otherwise { split { 90% -> web; 10% -> api } }
}
"""


def test_chance_may_fall_out_otherwise(replay):
    told = replay(own(cluster="web"), own(cluster="api"), own(cluster="old"), text=SPLIT)
    assert (told["alike"], told["differ"]) == (2, 1)
    assert replay(own(), own(), text=SPLIT, old=SPLIT)["alike"] == 2
    assert replay(own(), text=SPLIT, old=SPLIT.replace("90%", "80%").replace("10%", "20%"))["differ"] == 1
    assert replay(own(uri="/a/b"), text=SPLIT, old=SPLIT.replace('strip prefix "/a"; ', ""))["differ"] == 1
    assert changes(replay(own(uri="/d"), text=SPLIT)) == [(1, "forward web (site:7)", "drop (site:1)")]
