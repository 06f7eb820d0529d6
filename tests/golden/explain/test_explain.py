"""`lbc explain`: each *.golden begins with a command; the rest is its standard output, and behind a
line `exit N` what it is to return. LBC_GOLDEN=write writes them anew: read the difference then."""
import json
import os
import re
import pathlib
import shlex
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
LBC = pathlib.Path(os.environ.get("LBC", "build/asan/lbc")).resolve()


def run(command):
    words = shlex.split(command.removeprefix("$ lbc "))
    done = subprocess.run([LBC, *words], cwd=HERE, capture_output=True, text=True, timeout=60)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return f"{command}\n{done.stdout}exit {done.returncode}\n", done


@pytest.mark.parametrize("golden", sorted(HERE.glob("*.golden")), ids=lambda g: g.stem)
def test_what_is_told(golden):
    wanted = golden.read_text()
    told, _ = run(wanted.splitlines()[0])
    if os.environ.get("LBC_GOLDEN") == "write":
        golden.write_text(told)
    assert told == golden.read_text()


@pytest.mark.parametrize("words, code, said", [
    ("", 2, "a file is missing"),
    ("shop.lbconf", 2, "a request is missing"),
    ("shop.lbconf /path", 2, "is not a method and a URL"),
    ("shop.lbconf 'GET example.com'", 2, "is neither http://host/path nor a path"),
    ("shop.lbconf 'GET /' --from nowhere", 2, "is neither IPv4 nor IPv6"),
    ("shop.lbconf 'GET /' -H nothing", 2, "is not a name, a colon and a value"),
    ("shop.lbconf 'GET http://a/' --status 100", 2, "--status is 200 to 599"),
    ("shop.lbconf 'GET http://a/' --status ok", 2, "--status is 200 to 599"),
    ("shop.lbconf 'GET http://a/' --response-header 'Age: 1'", 2, "give its --status"),
    ("shop.lbconf 'GET http://a/' --status 200 --response-header Age", 2, "is not a name, a colon and a value"),
    ("shop.lbconf 'GET /' --listener nope", 2, "there is no listener nope"),
    ("shop.lbconf 'GET /' --nope x", 2, "unknown option --nope"),
    ("tokens.lbconf 'GET http://a/' --claim sub", 2, "--claim is NAME=VALUE"),
    ("limits.lbconf 'GET http://a/' --exceeds login", 2, "there is no limit login; did you mean logins?"),
    ("shop.lbconf 'GET /' --from", 2, "wants a value: IP"),
    ("shop.lbconf 'GET /' more", 2, "more words"),
    ("missing.lbconf 'GET /'", 3, "missing.lbconf"),
    ("wrong.lbconf 'GET /'", 1, "no cluster is called `apx`"),
])
def test_what_is_wrong_is_said(words, code, said):
    _, done = run(f"$ lbc explain {words}")
    assert done.returncode == code
    assert said in done.stderr
    assert done.stdout == ""


def test_help_goes_to_standard_output():
    _, done = run("$ lbc explain --help")
    assert done.returncode == 0
    assert "usage: lbc explain" in done.stdout


@pytest.mark.parametrize("golden", sorted(HERE.glob("*.golden")), ids=lambda g: g.stem)
def test_json_tells_the_same(golden):
    command = golden.read_text().splitlines()[0]
    human, done = run(command)
    told = json.loads(run(command + " --format=json")[1].stdout)
    assert set(told) - {"connect", "response", "refused"} <= {"request", "route", "clauses", "changes", "decision"}
    phases = [told.get("connect", {}), told, told.get("response", {})]
    clauses = [c for p in phases for c in p.get("clauses", [])]
    changes = [c for p in phases for c in p.get("changes", [])]
    assert [c["number"] for c in clauses] == [int(n) for n in re.findall(r"^clause (\d+)", human, re.M)]
    tests = [("true" if t["held"] else "false", t["test"]) for c in clauses for t in c["tests"]]
    assert tests == re.findall(r"^  (true|false) +(.*?)  \(is .*\)$", human, re.M)
    for effect in (e for c in clauses for e in c["effects"]):
        assert f"         {effect}\n" in human
    assert all(c["held"] for c in clauses if c["effects"])
    for change in changes:
        assert f"\n  {change}\n" in human
    assert ("on connect\n" in human) == ("connect" in told)
    assert (f"\non response  to {told.get('response', {}).get('status')}\n" in human) == ("response" in told)
    if "refused" in told:
        refused = told["refused"]
        assert f"\nrefused with {refused['status']}: {refused['why']}\n" in human
        assert told["clauses"] == [] and "decision" not in told
        return
    d = told["decision"]
    assert f"\n{d['outcome']}  by clause {d['clause']} of route {d['route']}, {d['file']}:{d['line']}\n" in human
    dropped = told.get("connect", {}).get("dropped", False)
    assert dropped == (told["clauses"] == [])
    last = (told["connect"] if dropped else told)["clauses"][-1]
    assert last["held"]
    assert all(last[k] == d[k] for k in ("file", "line", "column", "end_line", "end_column"))
    source = (HERE / d["file"]).read_text().splitlines()
    assert d["end_line"] > d["line"] or source[d["line"] - 1][d["column"] - 1:d["end_column"] - 1] in human
