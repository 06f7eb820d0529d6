"""`shadow FILE`: another configuration decides the live requests too, and what it would do otherwise is counted."""
import shlex
import subprocess

import pytest

from harness import LBC, Client, Lbc, Origin, free_port, get, wait_for
from harness.load import Load

SITE = """lbconf 1
cluster web {{ server a 127.0.0.1:{server} }}
cluster other {{ server a 127.0.0.1:{server} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{
{rules}
  otherwise {{ forward web }}
}}
"""


@pytest.fixture
def site(start):
    server, port = free_port(), free_port()
    start(Origin, server)

    def text(*rules):
        return SITE.format(port=port, server=server, rules="\n".join(f"  {r}" for r in rules))
    lbc = start(Lbc, text('when path == "/a" { respond 200 "a" }'), port=port)
    lbc.text = text
    lbc.candidate = lbc.file.with_name("candidate.lbconf")
    return lbc


def shadow(lbc, *rules):
    lbc.candidate.write_text(lbc.text(*rules))
    return lbc.ctl("shadow", str(lbc.candidate))


def compared(lbc, n):
    def there():
        shown = lbc.show("shadow")
        return shown["compared"] >= n and shown
    return wait_for(there, f"{n} requests are compared")


OLD = 'when path == "/a" { respond 200 "a" }'


def test_the_same_rules_agree(site):
    assert "held against generation 1" in shadow(site, OLD)
    with Load(site.port, connections=4) as load:
        wait_for(lambda: len(load.since(0)) > 50, "there is traffic", 20)
    load.assert_clean()
    shown = compared(site, 50)
    assert shown["agreed"] == shown["compared"] and shown["differ"] == 0 and shown["kinds"] == []


@pytest.mark.parametrize("rule,path,what", [
    ('when path == "/b" { deny 403 }', "/b", "outcome"),
    ('when path == "/b" { forward other }', "/b", "cluster"),
    ('when path == "/a" { respond 201 "a" }', "/a", "status"),
    ('when path == "/a" { respond 200 "b" }', "/a", "answer"),
    ('when path under "/b" { rewrite path "/"; continue }', "/b/x", "target"),
    ('when path under "/b" { set header "x-b" "1"; continue }', "/b", "headers"),
    ('when path under "/b" { tag "b"; continue }', "/b", "rules"),
])
def test_each_kind_of_difference_is_told(site, rule, path, what):
    shadow(site, rule, *([OLD] if '"/a"' not in rule else []))
    get(site.port, path)
    get(site.port, "/same")
    shown = compared(site, 2)
    assert (shown["agreed"], shown["differ"]) == (1, 1)
    assert {k: n for k, n in shown["by"].items() if n} == {what: 1}
    kind, = shown["kinds"]
    assert kind["what"] == what and kind["count"] == 1
    assert kind["before"]["file"].endswith("lbc.lbconf") and kind["after"]["file"].endswith("candidate.lbconf")


def test_the_witness_is_what_explain_takes(site):
    shadow(site, 'when header "x-tier" == "it\'s" and host == "a.test" and path == "/b" { deny 403 }', OLD)
    get(site.port, "/b?q=1&token=hidden", "X-Tier: it's", "Authorization: Basic aGlkZGVu", "Cookie: sid=hidden; b=hidden",
        "X-Api-Key: hidden", host="a.test")
    compared(site, 1)
    kind, = site.show("shadow")["kinds"]
    assert "hidden" not in kind["request"] and "aGlkZGVu" not in kind["request"]
    words = shlex.split(kind["request"], comments=True)
    assert "cookie: sid=-; b=-" in [w.lower() for w in words]

    def explained(file):
        done = subprocess.run([LBC, "explain", file, *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    assert "forward web" in explained(site.file) and "deny 403" in explained(site.candidate)
    said = site.ctl("show", "shadow")
    assert "another outcome" in said and "forward web" in said and "deny 403" in said


def test_nothing_is_done_about_it(site):
    shadow(site, "when true { drop }".replace("true", 'path under "/"'))
    with Load(site.port, connections=4) as load:
        wait_for(lambda: len(load.since(0)) > 50, "there is traffic", 20)
    load.assert_clean()
    shown = compared(site, 50)
    assert shown["differ"] == shown["compared"] == sum(k["count"] for k in shown["kinds"])


def test_a_wrong_candidate_is_refused_and_nothing_changes(site):
    site.candidate.write_text(site.text("when path == { }"))
    done = site.ctl("shadow", str(site.candidate), check=False)
    assert done.returncode != 0 and "candidate.lbconf" in done.stderr
    assert site.ctl("show", "shadow", check=False).returncode != 0
    info = site.show("info")
    assert info["generation"] == 1 and info["reloads"] == 0
    assert "cannot read" in site.ctl("shadow", "/nothing/there", check=False).stderr
    assert site.ctl("shadow", "off", check=False).returncode != 0


def test_it_follows_what_is_served(site):
    shadow(site, 'when path == "/a" { deny 403 }')
    get(site.port, "/a")
    assert compared(site, 1)["differ"] == 1
    site.reload(site.candidate.read_text())

    def anew():
        get(site.port, "/a")
        shown = site.show("shadow")
        return shown["generation"] == 2 and shown["agreed"] > 0 and shown
    assert wait_for(anew, "it is held against what is served now")["differ"] == 0
    site.ctl("shadow", "off")
    assert site.ctl("show", "shadow", check=False).returncode != 0
    wait_for(lambda: len(site.show("generations")) == 1, "nothing is kept")


def test_changes_are_in_both(site):
    site.ctl("change", "set", "web", "timeout", "read", "5s")
    assert "no longer fits" not in shadow(site, OLD)
    site.candidate.write_text(site.text(OLD).replace("cluster web", "cluster some").replace("forward web", "forward some"))
    assert "no longer fits: set web timeout read 5s" in site.ctl("shadow", str(site.candidate))
    assert site.show("drift")[0]["fits"]


def test_more_kinds_than_there_is_room_for_are_counted(site):
    shadow(site, *[f'when path == "/k{i}" {{ deny 403 }}' for i in range(70)], OLD)
    with Client(site.port) as client:
        for i in range(70):
            client.get(f"/k{i}")
    shown = compared(site, 70)
    assert len(shown["kinds"]) == 64 and shown["others"] == 6 and shown["differ"] == 70


def test_listeners_that_only_one_has(site):
    site.candidate.write_text(site.text(OLD).replace("listener front", "listener rear"))
    site.ctl("shadow", str(site.candidate))
    get(site.port, "/a")
    assert wait_for(lambda: site.show("shadow")["unlistened"], "it is counted") == 1
    assert site.show("shadow")["compared"] == 0
