"""What a running lbc refuses before any clause decides, `explain` says it refuses, with the same status."""
import json
import subprocess

import pytest

from harness import LBC, Client, Lbc, free_port

RULES = """lbconf 1
cluster c { server s 127.0.0.1:1 }
listener l { bind 127.0.0.1:%d; route r }
route r {
  when not path under "/" { respond 200 "text/plain" "*" }
  otherwise               { respond 202 "text/plain" "path" }
}
"""


@pytest.fixture(scope="module")
def lbc(tmp_path_factory):
    port = free_port()
    running = Lbc(tmp_path_factory.mktemp("refused"), RULES % port, workers=1, access_log=False)
    running.port = port
    yield running
    running.stop()


@pytest.mark.parametrize("words, line, headers, status", [
    ("CONNECT a:443", "CONNECT a:443", ["Host: a:443"], 501),
    ("CONNECT http://a/", "CONNECT http://a/", ["Host: a"], 501),
    ("CONNECT /", "CONNECT /", ["Host: a"], 501),
    ("CONNECT a:443", "CONNECT a:443", ["Host: a b", "Content-Length: x"], 501),
    ("CONNECT a:443", "CONNECT a:443", [], 501),
    ("OPTIONS *", "OPTIONS *", ["Host: a"], 200),
    ("OPTIONS *", "OPTIONS *", [], 400),
    ("OPTIONS http://a", "OPTIONS http://a", ["Host: a"], 200),
    ("OPTIONS http://a/", "OPTIONS http://a/", ["Host: a"], 202),
    ("GET *", "GET *", ["Host: a"], 400),
    ("GET /", "GET /", ["Host: a"], 202),
    ("GET /", "GET /", ["Host:"], 400),
    ("GET /", "GET /", [], 400),
    ("GET /", "GET /", ["Host: a", "Host: a"], 400),
    ("GET /", "GET /", ["Host: a b"], 400),
    ("GET /a%2fb", "GET /a%2fb", ["Host: a"], 400),
    ("GET /%zz", "GET /%zz", ["Host: a"], 400),
    ("GET http://a/", "GET http://a/", ["Host: b"], 400),
    ("GET /", "GET /", ["Host: a", "Content-Length: x"], 400),
])
def test_explain_says_what_is_done(lbc, words, line, headers, status):
    client = Client(lbc.port)
    client.send("".join(h + "\r\n" for h in [line + " HTTP/1.1", *headers, ""]).encode())
    assert client.response(line.split()[0]).status == status
    client.close()
    given = [w for h in headers for w in ("-H", h)]
    said = subprocess.run([LBC, "explain", lbc.file, words, *given, "--format=json"], capture_output=True, timeout=60)
    assert said.returncode == 0, said.stderr
    told = json.loads(said.stdout)
    if status >= 400:
        assert told["refused"]["status"] == status and told["refused"]["why"]
    else:
        assert told["decision"]["status"] == status
