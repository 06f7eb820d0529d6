"""`show events`: what happened, in its order, each once; told by the same call as the log."""
import contextlib
import json
import os
import re
import socket
import time

from harness import Lbc, Origin, free_port, wait_for
from harness.certificates import Authority
from harness.redis import Redis

WHO = f"uid {os.getuid()}"


def events(lbc, n=None):
    return json.loads(lbc.ctl("show", "events", *([str(n)] if n else []), "--json"))["events"]


def texts(lbc, kind):
    return [e["text"] for e in events(lbc) if e["kind"] == kind]


def has(lbc, kind, pattern, about=None, seconds=30):
    def found():
        return [e for e in events(lbc) if e["kind"] == kind and re.fullmatch(pattern, e["text"])
                and about in (None, e["about"])]
    return wait_for(found, f"{kind}: {pattern}", seconds)


def many(lbc, lines):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(lbc.socket)
        s.sendall(lines.encode())
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass


def test_the_life_of_a_server(start):
    origin, port = start(Origin, address="127.0.0.9"), free_port()
    lbc = start(Lbc, f"""lbconf 1
cluster app {{
  server a 127.0.0.9:{origin.port}
  health tcp {{ every 100ms  rise 1  fall 1 }}
}}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ forward app }} }}
""", port=port)
    has(lbc, "process", r"generation 1 serves, 2 workers")
    origin.kill()
    [down] = has(lbc, "server", r"server app/a is down: .+", "app/a")
    assert down["level"] == "warning"
    [left] = has(lbc, "cluster", r"cluster app has no server left: .+", "app")
    assert left["level"] == "error" and left["number"] > down["number"]
    origin = start(Origin, origin.port, address="127.0.0.9", name="again")
    has(lbc, "server", r"server app/a is up: .+", "app/a")
    has(lbc, "cluster", r"cluster app serves again: .+", "app")
    lbc.ctl("drain", "app/a")
    lbc.ctl("set", "weight", "app/a", "9")
    lbc.ctl("ready", "app/a")
    assert texts(lbc, "server")[-3:] == [
        f"server app/a is set to {w}" for w in ("drain", "weight 9", "ready")]


def test_what_operators_do(proxy):
    lbc = proxy()
    text = lbc.file.read_text()
    lbc.ctl("change", "for", "2s", "set app/a weight 7")
    lbc.file.write_text("this is none\n")
    assert lbc.ctl("reload", check=False).returncode == 1
    lbc.reload(text)
    has(lbc, "change", r"change 1 by uid \d+: set app/a weight 7", "1")
    [refused] = has(lbc, "reload", rf"reload refused, generation \d+ goes on; loading was asked for by {WHO}",
                    str(lbc.file))
    assert refused["level"] == "error"
    has(lbc, "reload", rf"generation 3 serves, after [0-9.]+ ms, loaded by {WHO}")
    wait_for(lambda: len(texts(lbc, "change")) == 2, "its time is over", 30)
    lbc.ctl("reload", "confirm", "60s")
    lbc.ctl("confirm")
    assert texts(lbc, "trial") == ["it is on trial for 60 s", f"what was on trial stays: it is confirmed by {WHO}"]
    lbc.ctl("shadow", str(lbc.file))
    lbc.ctl("shadow", "off")
    assert len(texts(lbc, "shadow")) == 2
    for way in ("promote", "revert"):
        lbc.ctl("reload", "canary", "5%")
        lbc.ctl(way)
    assert [t.split(" ", 2)[2] for t in texts(lbc, "canary")] == [
        "serves 5% of the clients", f"serves: the canary is promoted by {WHO}", "serves 5% of the clients",
        f"goes, all clients get what was served before: {WHO} says so"]


def test_each_is_told_once_and_the_log_has_it_too(proxy):
    lbc = proxy()
    for _ in range(3):
        lbc.ctl("drain", "app/a")
        lbc.ctl("ready", "app/a")
    lbc.reload()
    told = events(lbc)
    assert [e["number"] for e in told] == list(range(1, len(told) + 1))
    said = lbc.said().splitlines()
    for text in {e["text"] for e in told}:
        assert sum(e["text"] == text for e in told) == sum(line.endswith(f": {text}") for line in said), text
    for e in told:
        assert any(line.startswith(e["time"][:10]) and line.endswith(f"{e['level']}: {e['text']}") for line in said)


def test_the_last_of_them_are_kept(proxy):
    """A thousand and more, and the answers stay as they are."""
    lbc = proxy()
    for _ in range(11):  # each two hundred lines to one connection, as a script would
        many(lbc, "drain app/a\nready app/a\n" * 100)
    answer = json.loads(lbc.ctl("show", "events", "--json"))
    kept = answer["events"]
    assert len(kept) == 1024
    assert [e["number"] for e in kept] == list(range(kept[0]["number"], kept[0]["number"] + 1024))
    assert answer["overwritten"] == kept[0]["number"] - 1 > 1000
    assert f"{answer['overwritten']} before those are not kept any more" in lbc.ctl("show", "events")
    assert [e["number"] for e in events(lbc, 2)] == [kept[-2]["number"], kept[-1]["number"]]
    assert len(lbc.ctl("show", "events", "5").splitlines()) == 7


def test_certificates_that_expire_are_told_once(start, tmp_path):
    ca = Authority(tmp_path)

    def date(seconds):
        return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds))
    ca.sign("good", "good.test")
    ca.sign("soon", "soon.test", first=date(-80 * 86400), last=date(10 * 86400))
    ca.sign("ends", "ends.test", first=date(-3600), last=date(25))
    ca.sign("gone", "gone.test", first="20200101000000Z", last="20200201000000Z")
    for name in ("good", "soon", "ends", "gone"):
        (tmp_path / f"{name}.key").chmod(0o600)
    text = f"""lbconf 1
tls t {{ certificate "good.crt" "good.key"; certificate "soon.crt" "soon.key"
  certificate "ends.crt" "ends.key"; certificate "gone.crt" "gone.key" }}
listener front {{ bind 127.0.0.1:{free_port()} tls t; route r }}
route r {{ otherwise {{ respond 200 "hello" }} }}
"""
    lbc = start(Lbc, text)
    file = re.escape(str(tmp_path))
    [soon] = has(lbc, "certificate", rf"certificate soon.test expires in (9d 23h|10d 0h), at 20[-0-9]+T[:0-9]+Z: {file}/soon.crt", "soon.test")
    assert soon["level"] == "warning"
    has(lbc, "certificate", rf"certificate ends.test expires in [0-9.]+s, at .*", "ends.test")
    has(lbc, "certificate", rf"certificate gone.test expired at 2020-02-01T00:00:00Z: {file}/gone.crt", "gone.test")
    lbc.reload(text.replace("hello", "welcome"))
    [over] = has(lbc, "certificate", r"certificate ends.test expired at .*", "ends.test", 60)
    assert over["level"] == "error"
    assert sorted(e["about"] for e in events(lbc) if e["kind"] == "certificate") == ["ends.test"] * 2 + ["gone.test", "soon.test"]


def test_of_many_certificates_the_worst_are_told(start, tmp_path):
    ca = Authority(tmp_path)

    def sign(name, last):
        pair = ca.sign(name, f"{name}.test", first="20200101000000Z", last=last)
        (tmp_path / f"{name}.key").chmod(0o600)
        return f"certificate {pair}"
    soon = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 5 * 86400))
    pairs = [sign(f"soon{i}", soon) for i in range(3)] + [sign(f"gone{i}", "20200201000000Z") for i in range(9)]
    lbc = start(Lbc, f"""lbconf 1
tls t {{ {"; ".join(pairs)} }}
listener front {{ bind 127.0.0.1:{free_port()} tls t; route r }}
route r {{ otherwise {{ respond 200 "hello" }} }}
""")
    told = [e for e in events(lbc) if e["kind"] == "certificate"]
    assert [e["about"] for e in told] == [f"gone{i}.test" for i in range(9)] + ["soon0.test", ""]
    assert told[-1]["text"] == "2 more certificates expire soon, or have expired: show certificates"


def test_upgrades_and_the_end(proxy, tmp_path):
    lbc = proxy()
    assert lbc.upgrade(str(tmp_path / "nothing"), check=False).returncode == 1
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    assert lbc.upgrade(str(program), check=False).returncode == 1
    assert [t.split(":")[0] for t in texts(lbc, "upgrade")] == [
        f"upgrade by {WHO}", "upgrade refused, this process goes on"]
    lbc.upgrade()
    old = lbc.before[-1].pid
    has(lbc, "upgrade", f"process {old}, which served before, has ended")  # the new one's begin anew
    assert events(lbc)[0]["number"] == 1


def test_a_shared_redis_that_is_lost_and_back(start, tmp_path):
    with contextlib.ExitStack() as stack:
        redis, port = Redis(tmp_path), free_port()
        stack.callback(lambda: redis.stop())
        lbc = start(Lbc, f"""lbconf 1
shared counts {{ address 127.0.0.1:{redis.port}  timeout 2s }}
limit few {{ rate 100/s burst 50 shared counts }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{ otherwise {{ limit few; respond 200 "ok" }} }}
""", port=port)
        has(lbc, "shared", r"shared counts: .* answers, .*", "counts")
        redis.stop()
        [lost] = has(lbc, "shared", r"shared counts: .*; .*", "counts")
        assert lost["level"] == "warning"
        redis = Redis(tmp_path, port=redis.port)
        wait_for(lambda: len([t for t in texts(lbc, "shared") if " answers, " in t]) == 2, "it is back", 60)
