"""Floods of several kinds, while an ordinary client goes on: it gets all its answers, and the flood is bounded.

How much longer it waits is shown with `pytest -rP`, and not asserted."""
import time

import pytest

from harness import Lbc, Origin, free_ports, wait_for
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
