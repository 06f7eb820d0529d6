"""lbc test: the tests of a configuration, and what they exercise."""
import json
import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LBC = pathlib.Path(os.environ.get("LBC", ROOT / "build/asan/lbc")).resolve()

RULES = """lbconf 1
cluster api { server a 10.0.0.1:80 }
cluster web { server a 10.0.0.2:80 }
listener front { bind 127.0.0.1:8080; route site }
route site {
  when path under "/api" and src in 10.0.0.0/8  { set header "x-tier" "api {src}"; continue }
  when path under "/api"                        { forward api }
  when path == "/old"                           { redirect 308 "https://new.example{uri}" }
  when method == POST or header "x" exists      { deny 403 with "no" }
  when path == "/ping"                          { respond 200 "text/plain" "pong" }
  otherwise                                     { forward web }
}
"""


def lbc(text, *arguments):
    return subprocess.run([LBC, *arguments, "-"], input=text, capture_output=True, text=True, timeout=60)


def told(text, *arguments):
    r = lbc(text, "test", "--format=json", *arguments)
    assert r.stderr == ""
    result = json.loads(r.stdout)
    assert result["run"] == len(result["tests"])
    assert result["failed"] == sum(not t["passed"] for t in result["tests"])
    return result


def block(request, *expects, name="it"):
    return f'test "{name}" {{\n  request {request}\n' + "".join(f"  expect {e}\n" for e in expects) + "}\n"


@pytest.mark.parametrize("request_, expect, holds", [
    ('GET "http://h/"', "forward web", True),
    ('GET "http://h/"', "forward", True),
    ('GET "http://h/"', "forward api", False),
    ('GET "http://h/"', "deny", False),
    ('GET "/api/x"', "forward api", True),
    ('POST "http://h/"', "deny", True),
    ('POST "http://h/"', "deny 403", True),
    ('POST "http://h/"', "deny 404", False),
    ('POST "http://h/"', 'deny 403 with "no"', True),
    ('POST "http://h/"', 'deny 403 with "yes"', False),
    ('POST "http://h/"', "drop", False),
    ('GET "http://h/" header "X" "1"', "deny", True),
    ('GET "http://h/ping"', 'respond 200 "pong"', True),
    ('GET "http://h/ping"', 'respond 200 "ping"', False),
    ('GET "http://h/ping"', "deny", False),
    ('GET "http://h/old?a=b"', "redirect", True),
    ('GET "http://h/old?a=b"', 'redirect 308 "https://new.example/old?a=b"', True),
    ('GET "http://h/old"', "redirect 308", True),
    ('GET "http://h/old"', 'redirect 308 "https://new.example/old"', True),
    ('GET "http://h/old"', 'redirect 308 "https://new.example/"', False),
    ('GET "http://h/api" from 10.1.2.3', 'request header "x-tier" == "api 10.1.2.3"', True),
    ('GET "http://h/api" from 10.1.2.3 header "x-tier" "mine"', 'request header "x-tier" == "mine"', False),
    ('GET "http://h/api"', 'request header "x-tier" exists', False),
    ('GET "http://h/api"', 'request not header "x-tier" exists and path == "/api"', True),
])
def test_an_expectation(request_, expect, holds):
    result = told(RULES + block(request_, expect))
    assert result["failed"] == (not holds)
    diagnostics = result["tests"][0]["diagnostics"]
    assert [d["code"] for d in diagnostics] == ([] if holds else ["E0804"])
    # `check` runs them too, and says the same.
    r = lbc(RULES + block(request_, expect), "check", "--format=json")
    assert r.returncode == (0 if holds else 1)
    assert [json.loads(line) for line in r.stdout.splitlines()] == diagnostics


def test_the_decision_of_each_request_is_told():
    text = RULES + block('GET "http://h/api" from 10.1.2.3', "forward api") + block('POST "http://h/"', "deny 403", name="other")
    result = told(text)
    first, second = result["tests"]
    assert (first["name"], first["line"], second["name"]) == ("it", 13, "other")
    assert first["requests"][0]["explain"]["decision"]["outcome"] == "forward api"
    assert second["requests"][0]["explain"]["decision"]["clause"] == 4


def test_only_some():
    text = RULES + block('GET "/"', "forward web", name="one") + block('GET "/"', "deny", name="two")
    assert [t["name"] for t in told(text, "--filter", "wo")["tests"]] == ["two"]
    assert lbc(text, "test", "--filter", "one").returncode == 0
    assert lbc(text, "test").returncode == 1


def test_coverage_counts_clauses_and_sides():
    coverage = told(RULES + block('GET "http://h/api"', "forward api"), "--coverage")["coverage"]
    # Asked were: path under /api (true), src (false), path under /api (true).
    assert coverage["clauses"] == {"covered": 1, "total": 6, "percent": 16}
    assert coverage["sides"] == {"covered": 3, "total": 14, "percent": 21}
    missing = [(m["clause"], m.get("test"), m.get("side")) for m in coverage["missing"]]
    assert (1, None, None) in missing and (2, None, None) not in missing and (6, None, None) in missing
    assert (1, "src in { 10.0.0.0/8 }", True) in missing
    assert (2, 'path under "/api"', False) in missing and (2, 'path under "/api"', True) not in missing
    assert len(missing) == 5 + 11
    assert all(m["line"] == 5 + m["clause"] for m in coverage["missing"])


ALL = "".join(block(r, e, name=r.replace('"', "")) for r, e in [
    ('GET "/api" from 10.0.0.1', "forward api"), ('GET "/api"', "forward api"), ('GET "/old"', "redirect"),
    ('POST "/"', "deny"), ('GET "/" header "x" "1"', "deny"), ('GET "/ping"', "respond"), ('GET "/"', "forward web")])


def test_full_coverage_is_a_hundred_per_cent():
    coverage = told(RULES + ALL, "--coverage")["coverage"]
    assert coverage["missing"] == []
    assert coverage["clauses"]["percent"] == coverage["sides"]["percent"] == 100


@pytest.mark.parametrize("test, clean", [  # `!=` asks whether there is a value, too
    ("method != POST", True), ("host != \"h\"", True), ("cluster.api.up != 1", True),
    ('header "x" != "1"', False), ('query != "1"', False)])
def test_a_side_that_cannot_come_out_does_not_count(test, clean):
    rules = ("lbconf 1\ncluster api { server a 10.0.0.1:80 }\nlistener front { bind 127.0.0.1:8080; route site }\n"
             "route site { when %s { deny }\n otherwise { forward api } }\n" % test)
    missing = told(rules, "--coverage")["coverage"]
    assert missing["sides"]["total"] == (3 if clean else 4)
    told_of = {(m["test"], m["side"]) for m in missing["missing"] if "test" in m and "exists" in m["test"]}
    assert {side for _, side in told_of} == ({True} if clean else {True, False})


def test_a_hundred_per_cent_of_what_is_not_equal():
    rules = ("lbconf 1\ncluster api { server a 10.0.0.1:80 }\nlistener front { bind 127.0.0.1:8080; route site }\n"
             "route site { when method != POST { deny }\n otherwise { forward api } }\n")
    tests = block('GET "/"', "deny", name="one") + block('POST "/"', "forward api", name="two")
    coverage = told(rules + tests, "--coverage", "--fail-under=100/100")["coverage"]
    assert coverage["missing"] == [] and coverage["sides"] == {"covered": 3, "total": 3, "percent": 100}


@pytest.mark.parametrize("tests, under, code", [
    (ALL, "100%", 0), (ALL, "100/100", 0), ("", "0", 0), ("", "1%", 1), ("", "0/1%", 1),
    (block('GET "/api"', "forward api"), "16%", 0), (block('GET "/api"', "forward api"), "17%", 1),
    (block('GET "/api"', "forward api"), "16%/21%", 0), (block('GET "/api"', "forward api"), "16%/22%", 1),
])
def test_fail_under(tests, under, code):
    r = lbc(RULES + tests, "test", "--fail-under", under)
    assert r.returncode == code, r.stdout
    assert ("less is covered" in r.stdout) == bool(code)


def test_people_are_told():
    text = RULES + block('GET "http://h/"', "forward web", name="good") + block('POST "http://h/"', "forward web", name="bad")
    r = lbc(text, "test", "--coverage")
    assert r.returncode == 1 and r.stderr == ""
    assert r.stdout == """\
ok    good
FAIL  bad
error[E0804]: the test `bad` fails
  --> <stdin>:19:3
   |
 9 |   when method == POST or header "x" exists      { deny 403 with "no" }
   |   -------------------------------------------------------------------- clause 4 of route `site` decides
   ...
19 |   expect forward web
   |   ^^^^^^^^^^^^^^^^^^ forward web was expected, and it is: deny 403

POST http://h/ from 127.0.0.1
by listener front, route site

clause 1  <stdin>:6
  false  path under "/api"  (is "/")

clause 2  <stdin>:7
  false  path under "/api"  (is "/")

clause 3  <stdin>:8
  false  path == "/old"  (is "/")

clause 4  <stdin>:9
  true   method == POST  (is "POST")

deny 403  by clause 4 of route site, <stdin>:9
  when method == POST or header "x" exists      { deny 403 with "no" }


2 tests: 1 passed, 1 failed

clauses   33%  2 of 6
sides     50%  7 of 14 (each test of a condition, true and false)

never exercised
  <stdin>:6  clause 1 of route site
  <stdin>:6  clause 1 of route site: true   path under "/api"
  <stdin>:6  clause 1 of route site: true   src in { 10.0.0.0/8 }
  <stdin>:6  clause 1 of route site: false  src in { 10.0.0.0/8 }
  <stdin>:7  clause 2 of route site
  <stdin>:7  clause 2 of route site: true   path under "/api"
  <stdin>:8  clause 3 of route site
  <stdin>:8  clause 3 of route site: true   path == "/old"
  <stdin>:9  clause 4 of route site: true   header "x" exists
  <stdin>:10  clause 5 of route site
  <stdin>:10  clause 5 of route site: true   path == "/ping"
"""


@pytest.mark.parametrize("arguments, code, says", [
    (["test"], 2, "which file?"),
    (["test", "--fail-under", "110%", "x"], 2, "--fail-under takes percentages"),
    (["test", "--fail-under", "1%/", "x"], 2, "--fail-under takes percentages"),
    (["test", "--format", "xml", "x"], 2, "--format is human or json"),
    (["test", "missing"], 3, "cannot read missing"),
    (["test", str(HERE / "check/e0101-unexpected.lbconf")], 1, "E0101"),
])
def test_misuse(arguments, code, says):
    r = subprocess.run([LBC, *arguments], capture_output=True, text=True)
    assert (r.returncode, says in r.stderr) == (code, True), r.stderr


def test_generated_tests_reach_every_clause():
    r = lbc(RULES, "test", "--generate")
    assert r.returncode == 0 and r.stderr == ""
    assert r.stdout.count("\ntest \"") == 6
    coverage = told(RULES + r.stdout, "--coverage", "--fail-under=100%")
    assert coverage["failed"] == 0 and coverage["run"] == 6
    assert coverage["coverage"]["clauses"]["percent"] == 100
    assert lbc(RULES + r.stdout, "check", "--deny=warnings").returncode == 0


def test_what_cannot_be_generated_is_a_comment():
    text = RULES.replace("  when path == \"/ping\" ", "  when src.port == 5 { deny 404 }\n  when path == \"/ping\"")
    r = lbc(text, "test", "--generate")
    assert "# site: clause 5: goes by what a test cannot say: GET http://example.com/ from 192.0.2.1 (src.port 5)" in r.stdout
    assert r.stdout.count("\ntest \"") == 6


def test_generated_tests_say_which_limits_are_exceeded():
    text = RULES.replace("lbconf 1", "lbconf 1\nlimit slow { rate 1/s }\nlimit fast { rate 9/s }", 1).replace(
        "  when path == \"/ping\" ",
        "  when limit.slow.exceeded and limit.fast.exceeded { deny 429 }\n  when path == \"/ping\" ")
    r = lbc(text, "test", "--generate")
    assert " exceeds slow, fast\n  expect deny 429\n" in r.stdout or " exceeds fast, slow\n  expect deny 429\n" in r.stdout
    assert told(text + r.stdout, "--coverage", "--fail-under=100%")["failed"] == 0


def test_generated_tests_name_the_listener():
    text = RULES + """listener other { bind 127.0.0.1:81; route two }
route two {
  when header "a" == "q\\"\\\\" { deny }
  otherwise { respond 200 "ok" }
}
"""
    r = lbc(text, "test", "--generate")
    assert told(text + r.stdout, "--coverage")["coverage"]["clauses"]["percent"] == 100
    assert " listener other\n" in r.stdout and " listener front\n" in r.stdout


ROUTED = """lbconf 1
cluster api { server a 10.0.0.1:80 }
cluster web { server a 10.0.0.2:80 }
cluster old { server a 10.0.0.3:80 }
listener front { bind 127.0.0.1:8080; route site }
route site {
  when path under "/shop"      { strip prefix "/shop"; continue }
  when path == "/x"            { forward old }
  when cookie "beta" exists    { split { 90% -> web; 10% -> api } }
  when path == "/go"           { goto other }
  when path == "/d"            { drop }
  when path == "/t"            { tarpit 5s }
  otherwise                    { goto other }
}
route other {
  when method == POST          { deny 405 }
  otherwise                    { forward web }
}
"""


@pytest.mark.parametrize("request_, expect, holds", [
    ('GET "/shop/x?a=b"', "forward old", True),
    ('GET "/shop/x?a=b"', 'request path == "/x" and query "a" == "b"', True),
    ('GET "/shop/x"', 'request path == "/shop/x"', False),
    ('GET "/" header "cookie" "beta=1"', "forward web", True),
    ('GET "/" header "cookie" "beta=1"', "forward api", True),
    ('GET "/" header "cookie" "beta=1"', "forward old", False),
    ('GET "/go"', "forward web", True),
    ('POST "/go"', "deny 405", True),
    ('GET "/d"', "drop", True),
    ('GET "/d"', "deny", False),
    ('GET "/t"', "tarpit", True),
])
def test_an_expectation_of_other_ends(request_, expect, holds):
    assert told(ROUTED + block(request_, expect))["failed"] == (not holds)


def test_what_goes_to_another_route_is_covered():
    requests = ['GET "/shop"', 'GET "/x"', 'GET "/" header "cookie" "beta=1"', 'GET "/go"', 'GET "/d"', 'GET "/t"', 'POST "/"']
    tests = "".join(block(r, 'request path starts-with "/"', name=str(i)) for i, r in enumerate(requests))
    coverage = told(ROUTED + tests, "--coverage")["coverage"]
    assert coverage["missing"] == [] and coverage["clauses"] == {"covered": 9, "total": 9, "percent": 100}
    fewer = told(ROUTED + block('GET "/d"', "drop"), "--coverage")["coverage"]
    assert fewer["clauses"]["covered"] == 1


def test_generated_tests_of_other_ends():
    r = lbc(ROUTED, "test", "--generate")
    result = told(ROUTED + r.stdout, "--coverage")
    assert result["failed"] == 0 and result["coverage"]["clauses"]["percent"] == 100
    assert '  expect request path == "/' in r.stdout


def test_connections_and_responses_are_not_counted():
    text = ROUTED.replace("route site }", "route site\n  on connect { when src in 192.0.2.0/24 { drop } }\n}")
    assert told(text, "--coverage")["coverage"]["clauses"]["total"] == 9
