"""Clients of others: curl, openssl, nghttp and h2load, with TLS and without, get what they ask for and send what they want to."""
import re
import subprocess

import pytest

from harness import Lbc, Origin, free_ports
from harness.certificates import Authority
from harness.load import pattern


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clients")
    ca, origin, [plain, secure] = Authority(folder), Origin(folder), free_ports(2)
    lbc = Lbc(folder, f"""lbconf 1
tls t {{ certificate {ca.sign("site", "localhost")} }}
cluster app {{ server a 127.0.0.1:{origin.port} }}
listener front {{ bind 127.0.0.1:{plain}; bind 127.0.0.1:{secure} tls t; route site; max-body-size 4MiB }}
route site {{
  when path == "/denied" {{ deny 403 with "no" }}
  otherwise {{ forward app }}
}}
""")
    lbc.plain, lbc.secure, lbc.ca = f"http://localhost:{plain}", f"https://localhost:{secure}", ca.file
    lbc.secure_port = secure
    yield lbc
    lbc.stop()
    origin.stop()


def run(*command, data=b""):
    done = subprocess.run([str(word) for word in command], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    return done


# How it is asked, where, and the version that is then spoken.
WAYS = [(["--http1.0"], "plain", "1.1"), (["--http1.1"], "plain", "1.1"), (["--http2"], "plain", "1.1"),
        (["--http2-prior-knowledge"], "plain", "2"), (["--http1.1"], "secure", "1.1"), (["--http2"], "secure", "2"),
        (["--tlsv1.2", "--tls-max", "1.2"], "secure", "2"), (["--tlsv1.3"], "secure", "2")]


@pytest.mark.parametrize("how, where, version", WAYS, ids=[" ".join(h) + " " + w for h, w, _ in WAYS])
def test_curl(site, tmp_path, how, where, version):
    def curl(path, *more, **kind):
        return run("curl", "-sS", "--ipv4", "--cacert", site.ca, *how, getattr(site, where) + path, *more, **kind)
    assert curl("/b/300000").stdout == pattern(300_000)
    assert curl("/b/1000", "-o", "/dev/null", "-w", "%{http_version}").stdout.decode() == version
    assert curl("/chunked/100000").stdout == pattern(100_000)
    assert b"200" in curl("/b/1000", "-I").stdout.splitlines()[0]
    assert b"range: bytes=10-19" in curl("/echo", "-r", "10-19").stdout.lower()
    body = tmp_path / "body"
    body.write_bytes(pattern(2_000_000))  # long enough for `Expect: 100-continue`
    assert curl("/echo", "--data-binary", f"@{body}").stdout.endswith(pattern(2_000_000))
    if how != ["--http1.0"]:  # which knows no chunks
        assert pattern(64 * 100) in curl("/echo", "-T", "-", data=pattern(100_000)).stdout


@pytest.mark.parametrize("how, where", [w[:2] for w in WAYS], ids=[" ".join(h) + " " + w for h, w, _ in WAYS])
def test_curl_learns_why_its_body_is_not_wanted(site, tmp_path, how, where):
    body = tmp_path / "body"

    def status(path, length):
        body.write_bytes(pattern(length))
        done = run("curl", "-sS", "--ipv4", "--cacert", site.ca, *how, getattr(site, where) + path, "--data-binary",
                   f"@{body}", "-H", "Expect:", "-o", tmp_path / "said", "-w", "%{http_code}")
        return done.stdout.decode()
    assert status("/echo", 5_000_000) == "413"
    assert status("/denied", 2_000_000) == "403" and (tmp_path / "said").read_text().strip() == "no"


@pytest.mark.parametrize("version", ["1_2", "1_3"])
def test_openssl_resumes(site, tmp_path, version):
    def s_client(*more):
        return run("openssl", "s_client", "-connect", f"localhost:{site.secure_port}", "-servername", "localhost", "-CAfile", site.ca,
                   "-verify_return_error", f"-tls{version}", "-alpn", "http/1.1", "-ign_eof", *more,
                   data=b"GET /b/100 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").stdout.decode()
    first = s_client("-sess_out", tmp_path / "session")
    second = s_client("-sess_in", tmp_path / "session")
    for said in (first, second):
        assert "ALPN protocol: http/1.1" in said and "HTTP/1.1 200 OK" in said
    assert re.search(r"^New, TLS", first, re.M) and re.search(r"^Reused, TLS", second, re.M)


@pytest.mark.parametrize("where", ["plain", "secure"])
def test_nghttp_and_h2load(site, where):
    url = getattr(site, where)
    assert run("nghttp", "-nv", "-m", "20", f"{url}/b/20000").stdout.count(b":status: 200") == 20
    assert b"2000 succeeded, 0 failed" in run("h2load", "-n2000", "-c8", "-m20", f"{url}/b/20000").stdout
