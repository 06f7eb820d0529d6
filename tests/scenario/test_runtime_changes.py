"""Each thing that operators change at run time, by a live process: changed, seen, told, undone; then written into the file,
of which nothing else changes."""
import itertools

import pytest

from harness import Lbc, Origin, free_port, get

SITE = """lbconf 1
# by hand
set office : network = { 10.0.0.0/8 }   # who is inside
set banned : network from file "banned.txt"
map hosts  : host -> cluster = { "a.test" -> other }
map tenants : string -> cluster from file "tenants.txt"
limit few  { key header "x-key"  rate 6000/m  burst 100 }
limit slow { key header "x-key"  rate 2/m }

cluster app {
  server a   127.0.0.1:A weight 2   # the first
  server off 127.0.0.1:1 { state maintenance }
}
cluster other { server x 127.0.0.1:X }
listener front {
  bind 127.0.0.1:PORT
  max-connections 5000   # plenty
  route site
}
route site {
  when path == "/few"                { limit few; respond 200 "in" }
  when path == "/slow"               { limit slow; respond 200 "in" }
  when src in banned or src in office { deny 403 }
  when path == "/map"                { forward map(hosts, host) else app }
  when path == "/tenant"             { forward map(tenants, header "x-tenant") else app }
  otherwise                          { forward app }
}
"""


@pytest.fixture
def lbc(start, tmp_path):
    port, a, x = free_port(), start(Origin), start(Origin)
    (tmp_path / "banned.txt").write_text("# who may not\n192.0.2.1\n")
    (tmp_path / "tenants.txt").write_text("# who is where\none\tother\n")
    text = SITE.replace("PORT", str(port)).replace("127.0.0.1:A", f"127.0.0.1:{a.port}").replace("127.0.0.1:X", f"127.0.0.1:{x.port}")
    lbc = start(Lbc, text, port=port, workers=1)
    lbc.a, lbc.x = a, x
    return lbc


def server(lbc, name, key):
    return next((s[key] for s in lbc.show("servers") if s["server"] == name), None)


def status(lbc):
    return get(lbc.port).status


def by(lbc, target, *headers, **more):
    """Which of the clusters answers."""
    return {str(lbc.a.port): "app", str(lbc.x.port): "other"}[get(lbc.port, target, *headers, **more)["x-origin"]]


def room(lbc):
    return next(r["max_connections"] for r in lbc.show("listeners"))


KEYS = itertools.count()


def any_refused(lbc, limit):
    key = f"x-key: {next(KEYS)}"  # what a key has spent it has spent, whatever the limit is then
    return any(get(lbc.port, f"/{limit}", key).status != 200 for _ in range(60))


# what is said; how to look, and what is seen before and after; the lines of which file become which others
TABLE = [
    ("set app/a weight 7", lambda q: server(q, "a", "weight"), 2, 7, "main", "weight 2 ", "weight 7 "),
    ("set app/off state ready", lambda q: server(q, "off", "state"), "maintenance", "ready", "main", "state maintenance", "state ready"),
    ("set app/a state drain", lambda q: server(q, "a", "state"), "ready", "drain", "main", "weight 2 ", "weight 2 state drain "),
    ("set app/a max-connections 9", lambda q: server(q, "a", "max_connections"), 0, 9, "main", "weight 2 ", "weight 2 max-connections 9 "),
    ("set front max-connections 7", room, 5000, 7, "main", "max-connections 5000 ", "max-connections 7 "),
    ("add app server new 127.0.0.1:2", lambda q: server(q, "new", "endpoint"), None, "127.0.0.1:2", "main",
     "{ state maintenance }\n", "{ state maintenance }\n  server new 127.0.0.1:2\n"),
    ("remove app/off", lambda q: server(q, "off", "server"), "off", None, "main", "  server off 127.0.0.1:1 { state maintenance }\n", ""),
    ("add office 127.0.0.1", status, 200, 403, "main", "{ 10.0.0.0/8 }", "{ 10.0.0.0/8, 127.0.0.1 }"),
    ("add banned 127.0.0.1", status, 200, 403, "banned.txt", "192.0.2.1\n", "192.0.2.1\n127.0.0.1\n"),
    ('add hosts "b.test" -> other', lambda q: by(q, "/map", host="b.test"), "app", "other", "main",
     '"a.test" -> other }', '"a.test" -> other, "b.test" -> other }'),
    ('set hosts "a.test" -> app', lambda q: by(q, "/map", host="a.test"), "other", "app", "main", '-> other }', '-> app }'),
    ('add tenants "two" -> other', lambda q: by(q, "/tenant", "x-tenant: two"), "app", "other", "tenants.txt", "one\tother\n",
     "one\tother\ntwo other\n"),
    ('set tenants "one" -> app', lambda q: by(q, "/tenant", "x-tenant: one"), "other", "app", "tenants.txt", "one\tother\n", "one app\n"),
    ("set slow rate 100k/s", lambda q: any_refused(q, "slow"), True, False, "main", "rate 2/m ", "rate 100k/s "),
    ("set few burst 10", lambda q: any_refused(q, "few"), False, True, "main", "burst 100 ", "burst 10 "),
]


@pytest.mark.parametrize(("sentence", "look", "before", "after", "file", "old", "new"), TABLE, ids=[row[0] for row in TABLE])
def test_it_is_changed_seen_told_undone_and_written(lbc, tmp_path, sentence, look, before, after, file, old, new):
    path = lbc.file if file == "main" else tmp_path / file
    others = {p: p.read_text() for p in (lbc.file, tmp_path / "banned.txt", tmp_path / "tenants.txt") if p != path}
    text = path.read_text()
    assert look(lbc) == before
    lbc.ctl(*f"change for 1h {sentence} because of a test".split(" "))
    assert look(lbc) == after
    [told] = lbc.show("drift")
    assert (told["sentence"], told["why"], told["fits"], told["server"]) == (sentence, "of a test", True, False)
    assert path.read_text() == text
    lbc.ctl("undo", str(told["number"]))
    assert lbc.show("drift") == []
    assert look(lbc) == before
    lbc.ctl(*f"commit {sentence}".split(" "))
    assert look(lbc) == after and lbc.show("drift") == []
    assert text.count(old) == 1 and path.read_text() == text.replace(old, new)
    assert {p: p.read_text() for p in others} == others
    lbc.reload()
    assert look(lbc) == after


def test_what_goes_of_sets_and_maps(lbc, tmp_path):
    lbc.ctl("change", "add", "hosts", '"c.test"', "->", "other")
    lbc.ctl("commit", "remove", "tenants", '"one"', check=False)  # the last one: a map has some
    assert by(lbc, "/tenant", "x-tenant: one") == "other"
    lbc.ctl("commit", "add", "tenants", '"two"', "->", "other")
    lbc.ctl("commit", "remove", "tenants", '"one"')
    assert by(lbc, "/tenant", "x-tenant: one") == "app"
    assert (tmp_path / "tenants.txt").read_text() == "# who is where\ntwo other\n"
    lbc.ctl("change", "remove", "hosts", '"a.test"')
    assert (by(lbc, "/map", host="a.test"), by(lbc, "/map", host="c.test")) == ("app", "other")
    lbc.ctl("change", "add", "office", "127.0.0.1")
    lbc.ctl("change", "remove", "office", "10.0.0.0/8")
    assert status(lbc) == 403
    for wrong, why in [('add tenants "two" -> app', "is already in the list"), ('remove tenants "three"', "is not in the list"),
                       ('add hosts "c.test" -> app', "there already"), ('set tenants "x" -> nowhere', "no cluster is called"),
                       ("set few rate soon", "error"), ("set app/a max-connections -1", "error")]:
        done = lbc.ctl(*f"change {wrong}".split(" "), check=False)
        assert done.returncode != 0 and why in done.stdout + done.stderr, wrong
    assert len(lbc.show("drift")) == 4
