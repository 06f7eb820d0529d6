"""`path keep-empty-segments` and `path allow-encoded-slash`: what is matched is what is sent, and what explain, test and
replay say of it."""
import json
import subprocess

import pytest

from harness import LBC, Client, Lbc, free_ports, wait_for

SITE = """lbconf 1
cluster scripted {{ server s 127.0.0.1:{scripted}; timeout connect 5s }}
listener plain  {{ bind 127.0.0.1:{plain};  route site }}
listener empty  {{ bind 127.0.0.1:{empty};  route site; path keep-empty-segments }}
listener slash  {{ bind 127.0.0.1:{slash};  route site; path allow-encoded-slash }}
listener both   {{ bind 127.0.0.1:{both};   route site; path keep-empty-segments; path allow-encoded-slash
                   max-body-size 1KiB }}
route site {{
  when path == "/a//b"      {{ set header "x-rule" "empty"; continue }}
  when path == "/a%2Fb"     {{ set header "x-rule" "slash"; continue }}
  when path == "/a/b"       {{ set header "x-rule" "plain"; continue }}
  when path under "/old"    {{ replace prefix "/old" "/new"; continue }}
  when path under "/gone"   {{ strip prefix "/gone"; continue }}
  otherwise {{ forward scripted }}
}}
"""
LISTENERS = ("plain", "empty", "slash", "both")


@pytest.fixture(scope="module")
def lbc(begin, backend):
    ports = dict(zip(LISTENERS, free_ports(4)))
    process = begin(Lbc, SITE.format(scripted=backend.port, **ports), workers=1)
    process.ports = ports
    return process


# asked for, by which listeners, what the server is asked for (None: 400), what the rules saw
ROWS = [
    ("/a//b", "plain slash", "/a/b", "plain"),
    ("/a//b", "empty both", "/a//b", "empty"),
    ("/a%2fb", "plain empty", None, None),
    ("/a%2fb", "slash both", "/a%2Fb", "slash"),
    ("//a/b", "empty both", "/a/b", "plain"),
    ("/x/..//a//b", "empty both", "/a//b", "empty"),
    ("/a//../b", "plain", "/b", None),
    ("/a//../b", "empty", "/a/b", "plain"),
    ("/a%2f..%2fb", "slash", "/a%2F..%2Fb", None),
    ("/a%5cb", "both", None, None),
    ("/a%00b", "both", None, None),
    ("/old//x", "plain", "/new/x", None),
    ("/old//x", "empty", "/new//x", None),
    ("/old/x", "empty", "/new/x", None),
    ("/gone/x", "plain empty", "/x", None),
    ("/gone//x", "empty", "/x", None),
    ("/old", "empty", "/new", None),
    ("/a//b?x=//", "both", "/a//b?x=//", "empty"),
]
CASES = [(asked, by, sent, saw) for asked, listeners, sent, saw in ROWS for by in listeners.split()]


@pytest.mark.parametrize("asked, by, sent, saw", CASES)
def test_what_was_matched_is_what_is_sent(lbc, backend, asked, by, sent, saw):
    with Client(lbc.ports[by]) as c:
        got = c.get(asked)
    assert got.status == (400 if sent is None else 200)
    if sent is not None:
        assert (backend.requests[-1].target, backend.requests[-1]["x-rule"]) == (sent, saw)


def run(*arguments):
    return subprocess.run([LBC, *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("asked, by, sent, saw", CASES)
def test_explain_says_the_same(lbc, asked, by, sent, saw):
    done = run("explain", str(lbc.file), f"GET http://x{asked}", "--listener", by, "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    if sent is None:
        assert told["refused"]["status"] == 400, told
    else:
        assert ('"x-rule" "%s"' % saw in json.dumps(told).replace('\\"', '"')) == (saw is not None)


def test_explain_knows_what_is_too_long(lbc):
    for by, size, status in [("both", 1025, 413), ("both", 1024, None), ("plain", 1025, None)]:
        done = run("explain", str(lbc.file), "POST http://x/a", "--listener", by, "--format", "json",
                   "-H", f"Content-Length: {size}")
        assert json.loads(done.stdout).get("refused", {}).get("status") == status, done.stdout


def test_tests_ask_as_the_listener_does(lbc, tmp_path):
    tests = "".join(f"""
test "t{i}" {{
  request GET "http://x{asked}" listener {by}
  expect request header "x-rule" == "{saw}"
}}""" for i, (asked, by, sent, saw) in enumerate(CASES) if sent and saw)
    file = tmp_path / "t.lbconf"
    file.write_text(lbc.file.read_text() + tests)
    done = run("test", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_log_is_replayed_as_it_was_decided(lbc, tmp_path):
    with Client(lbc.ports["both"]) as c:
        for path in ("/a//b", "/a%2Fb", "/old//y"):
            assert c.get(path + "?replay").status == 200
    wait_for(lambda: len([r for r in lbc.log() if r.get("uri", "").endswith("?replay")]) == 3, "three records")
    log = tmp_path / "log"
    log.write_text("".join(json.dumps(r) + "\n" for r in lbc.log() if r.get("uri", "").endswith("?replay")))
    done = run("replay", str(log), str(lbc.file))
    assert done.returncode == 0, done.stdout + done.stderr
    other = tmp_path / "other.lbconf"
    other.write_text(lbc.file.read_text().replace('path == "/a//b" ', 'path == "/a//b" and method == POST '))
    done = run("replay", str(log), str(other), "--against", str(lbc.file))
    assert done.returncode == 1 and "1" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("path", ["/a//b", "/a%2Fb"])
def test_a_literal_needs_a_listener_that_takes_it(lbc, tmp_path, path):
    text = lbc.file.read_text().replace("path keep-empty-segments", "").replace("path allow-encoded-slash", "")
    file = tmp_path / "c.lbconf"
    file.write_text(text)
    done = run("check", str(file))
    assert done.returncode == 1 and f'no path is ever "{path}"' in done.stdout + done.stderr
    done = run("check", str(lbc.file))
    assert done.returncode == 0, done.stdout + done.stderr
