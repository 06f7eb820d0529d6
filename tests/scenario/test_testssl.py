"""What testssl.sh finds out about a TLS listener of which nothing was told but its certificates: nothing that costs an A."""
import json
import os
import shutil
import subprocess

import pytest

from harness import Lbc, free_port
from harness.certificates import Authority
from harness.watch import report

# A few checks in CI; LBC_TESTSSL=whole makes all of them, which takes minutes.
PARTS = [] if os.environ.get("LBC_TESTSSL") == "whole" else ["--protocols", "--standard", "--renegotiation", "--compression", "--tls-fallback"]

# Of our certificate, which lives for ten days and says nothing of revocation; of a page of text, which says nothing to browsers.
OURS = {"cert_expirationStatus", "cert_notAfter", "cert_revocation", "security_headers", "engine_problem"}
BAD = {"MEDIUM", "HIGH", "CRITICAL", "FATAL"}


@pytest.mark.parametrize("parts", [PARTS], ids=["whole" if not PARTS else "part"])
def test_testssl_finds_nothing(start, tmp_path, parts):
    assert shutil.which("testssl"), "testssl.sh is not installed"
    ca, port, out = Authority(tmp_path), free_port(), tmp_path / "testssl.json"
    certificates = "; ".join(f"certificate {ca.sign(kind, 'localhost', kind=kind)}" for kind in ("ec", "rsa"))
    start(Lbc, f"""lbconf 1
tls t {{ {certificates} }}
listener front {{ bind 127.0.0.1:{port} tls t; route site }}
route site {{ otherwise {{ respond 200 "hello" }} }}
""")
    done = subprocess.run(
        ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1", "--fast", "--add-ca", ca.file,
         "--openssl", shutil.which("openssl"), "--jsonfile", out, *parts, f"https://localhost:{port}"],
        capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=1800)
    found = {f["id"].split(" ")[0]: (f["severity"], f["finding"]) for f in json.loads(out.read_text())}
    report(findings=len(found), low={name: why for name, (severity, why) in found.items() if severity == "LOW"})
    bad = {name: f for name, f in found.items() if f[0] in BAD and name not in OURS}
    assert not bad, f"{bad}\n{done.stdout}"
    assert found["TLS1_2"][0] == found["TLS1_3"][0] == "OK", "it has looked, and was answered"
