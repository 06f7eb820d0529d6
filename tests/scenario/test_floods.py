"""Floods of several kinds, while an ordinary client goes on: it gets all its answers, and the flood is bounded.

How much longer it waits is shown with `pytest -rP`, and not asserted."""
import subprocess
import time

import pytest

from harness import Lbc, Origin, free_port, free_ports, wait_for
from harness.certificates import Authority
from harness.flood import ADDRESS, Flood
from harness.load import Load
from harness.watch import number, report

SECONDS = number("FLOOD_SECONDS", 2)


@pytest.fixture
def lbc(start, tmp_path):
    origin, (port, tls) = start(Origin), free_ports(2)
    pair = Authority(tmp_path).sign("site", "localhost")
    process = start(Lbc, f"""lbconf 1
limit new {{ key src  rate 50/s  burst 100 }}
tls site {{ certificate {pair} }}
cluster app {{ server a 127.0.0.1:{origin.port} }}
listener front {{
  bind 127.0.0.1:{port}
  bind 127.0.0.1:{tls} tls site
  route site
  timeout header 1s
  min-rate 100B 1s
  max-glitches 1000
  max-connections-per-source 50
  max-handshakes 100
  on connect {{ when src == {ADDRESS} {{ limit new; continue }} }}
}}
route site {{ otherwise {{ forward app }} }}
""", workers=2, port=port)
    process.tls = tls
    return process


def p99_ms(answers):
    waited = sorted(a.ended - a.begun for a in answers)
    return 1000 * waited[len(waited) * 99 // 100]


@pytest.mark.parametrize("kind, counters", [
    ("headers", ["connections_over_source", "requests_timed_out"]),
    ("bodies", ["connections_over_source", "requests_slow"]),
    ("connections", ["connections_limited"]),
    ("handshakes", ["connections_limited"]),
    ("resets", ["h2_calmed_resets"]),
])
def test_an_ordinary_client_is_served_meanwhile(lbc, kind, counters):
    with Load(lbc.port, connections=2, pause=0.002) as load:
        time.sleep(SECONDS / 2)
        begun = time.monotonic()
        with Flood(kind, lbc.tls if kind == "handshakes" else lbc.port):
            time.sleep(SECONDS)
            wait_for(lambda: all(lbc.show("info")["metrics"][c] > 0 for c in counters), f"{counters} count it", 30)
            ended = time.monotonic()
    load.assert_clean()
    calm = [a for a in load.all() if a.ended < begun]
    flooded = [a for a in load.all() if begun <= a.begun and a.ended <= ended]
    assert calm and flooded
    report(kind=kind, p99_calm_ms=p99_ms(calm), p99_flooded_ms=p99_ms(flooded), ratio=p99_ms(flooded) / p99_ms(calm),
           **{c: lbc.show("info")["metrics"][c] for c in counters})
    wait_for(lambda: lbc.show("info")["metrics"]["connections_open"] == 0, "nothing is left of it", 30)


# --- what looks like a flood, and is none ----------------------------------------------------------

@pytest.fixture
def ordinary(start):
    """As it is when nothing is said."""
    origin, port = start(Origin), free_port()
    lbc = start(Lbc, f"""lbconf 1
cluster app {{ server a 127.0.0.1:{origin.port} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
""", workers=1, port=port)
    yield lbc
    metrics = lbc.show("info")["metrics"]
    strange = {n: metrics[n] for n in ("h2_calmed", "requests_slow", "responses_slow", "overload_closed", "overload_refused",
                                       "connections_over_source", "requests_timed_out") if metrics[n]}
    assert not strange, strange


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, timeout=120)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-500:]
    return done.stdout.decode(errors="replace")


@pytest.mark.parametrize("options", [
    ("-n20000", "-c10", "-m100"),  # very many streams
    ("-n300", "-c3", "-m30", "-w10", "-W10"),  # the smallest windows it knows
    ("-n2000", "-c4", "-m20", "--header=x-long: " + 25000 * "y"),  # heads with CONTINUATION
], ids=["streams", "windows", "heads"])
def test_heavy_clients_of_http2(ordinary, options):
    n = options[0][2:]
    size = 200_000 if "-w10" in options else 1000
    assert f"{n} succeeded, 0 failed" in run("h2load", *options, f"http://127.0.0.1:{ordinary.port}/b/{size}")


def test_nghttp_with_its_priorities(ordinary):
    said = run("nghttp", "-nv", "-m50", f"http://127.0.0.1:{ordinary.port}/b/20000")
    assert said.count(":status: 200") == 50


def test_curl_sends_and_gets_much(ordinary, tmp_path):
    body, out = tmp_path / "body", tmp_path / "out"
    body.write_bytes(bytes(3_000_000))
    url = f"http://127.0.0.1:{ordinary.port}"
    run("curl", "-sSf", "--http2-prior-knowledge", "--data-binary", f"@{body}", "-o", out, f"{url}/echo")
    assert out.stat().st_size > 3_000_000
    run("curl", "-sSf", "--http2-prior-knowledge", "-o", out, f"{url}/b/30000000")
    assert out.stat().st_size == 30_000_000
