"""What `lbc check` and `lbc dump` say, held against what they said when somebody looked.

LBC_UPDATE=1 writes the .expected files anew; look at the difference before committing it."""
import collections
import json
import os
import pathlib
import re
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LBC = pathlib.Path(os.environ.get("LBC", ROOT / "build/asan/lbc")).resolve()
UPDATE = bool(os.environ.get("LBC_UPDATE"))
FILES = sorted(p for kind in ("lbconf", "latin1", "yaml", "json") for p in (HERE / "check").glob("*." + kind) if p.stem != "four-mistakes" or kind == "lbconf")
ENVIRONMENT = {"PATH": os.environ["PATH"], "GOLDEN_PORT": "80x"}

# Too large a file to keep, or about changes: tests/unit/grammar has it. What `lbc run` alone says: a test below has it.
NOT_HERE = {"E0002", "E0118", "E0901", "E0902", "E0903", "E1201", "E1202", "E1203", "W1201"} # test_environment.py: what depends on the machine


def lbc(*arguments, text=None):
    return subprocess.run([LBC, *arguments], cwd=HERE / "check", input=text, capture_output=True,
                          env=ENVIRONMENT, timeout=60)


def compare(expected, got):
    if UPDATE:
        expected.write_bytes(got)
    assert expected.exists(), f"{expected.name} is missing; LBC_UPDATE=1 writes it"
    assert got.decode() == expected.read_bytes().decode()


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_check_says(path):
    r = lbc("check", path.name)
    errors = b"error[" in r.stderr
    assert r.returncode == (1 if errors else 0), r.stderr.decode()
    compare(path.with_suffix(".expected"), r.stderr + r.stdout)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_json_says_the_same(path):
    human = lbc("check", path.name).stderr.decode()
    reports = [json.loads(line) for line in lbc("check", "--format=json", path.name).stdout.splitlines()]
    places = [(r["severity"], r["code"], s["line"], s["column"]) for r in reports for s in r["spans"] if s["primary"]]
    said = re.findall(r"^(error|warning)\[(\w+)\].*\n *--> \S+:(\d+):(\d+)$", human, re.M)
    assert places == [(s, c, int(l), int(k)) for s, c, l, k in said]
    for r in reports:
        assert set(r) == {"code", "severity", "message", "spans", "notes", "fixes"}
        assert [s["primary"] for s in r["spans"]].count(True) == 1


def test_json_keeps_its_shape():
    compare(HERE / "check/four-mistakes.json", lbc("check", "--format=json", "four-mistakes.lbconf").stdout)


def codes(text):
    return re.findall(r"^(?:error|warning)\[(\w+)\]", text, re.M)


def test_every_code_has_an_example():
    known = set(re.findall(r"^DIAG\(\w+, *(\w+),", (ROOT / "grammar/diags.def").read_text(), re.M))
    shown = {c for p in FILES for c in codes(p.with_suffix(".expected").read_text())}
    assert known - shown == NOT_HERE
    assert shown <= known


def test_the_issue_s_case():
    """An undefined cluster, a duplicate server, a wrong unit, a misspelt keyword, and nothing else."""
    text = lbc("check", "four-mistakes.lbconf").stderr.decode()
    assert codes(text) == ["E0602", "E0103", "E0403", "E0201"]
    assert text.count("^") >= 4
    for meant in ("`timeout`", "`5s`", "`api`"):
        assert f"did you mean {meant}?" in text


def test_twenty_mistakes_are_twenty_messages():
    assert len(codes(lbc("check", "twenty-mistakes.lbconf").stderr.decode())) == 20


def offset(lines, line, column):
    return sum(len(l) + 1 for l in lines[:line - 1]) + column - 1


def mended(text, fixes):
    """The text with fixes applied, from its end so that places stay right."""
    lines = text.split("\n")
    edits = [(offset(lines, f["span"]["line"], f["span"]["column"]),
              offset(lines, f["span"]["end_line"], f["span"]["end_column"]), f["replacement"]) for f in fixes]
    for begin, end, replacement in sorted(edits, reverse=True):
        text = text[:begin] + replacement + text[end:]
    return text


def reports_of(path, text=None):
    """By `check -`, so that the name is the same for a changed text; beside the file it comes from."""
    text = path.read_bytes() if text is None else text.encode()
    return [json.loads(line) for line in lbc("check", "--format=json", "-", text=text).stdout.splitlines()]


def errors(reports):
    """Warnings come only where there are no errors, so a fix may well bring one; and of a text without a version
    nothing else is said."""
    return collections.Counter((r["code"], r["message"]) for r in reports if r["severity"] == "error" and r["code"] != "E0704")


# Texts that are no UTF-8 have no columns to apply anything at.
MENDABLE = [p for p in FILES if p.suffix == ".lbconf" and p.with_suffix(".expected").exists() and
            re.search(r"^ *= help: ", p.with_suffix(".expected").read_text(), re.M)]


@pytest.mark.parametrize("path", MENDABLE, ids=lambda p: p.stem)
def test_fixes_mend(path):
    """Each fix alone takes its report away and brings no other; all first ones together do, too."""
    reports = reports_of(path)
    for r in reports:
        for fix in r["fixes"]:
            text = mended(path.read_text(), [fix])
            again = reports_of(path, text)
            same = lambda rs: sum((o["code"], o["message"]) == (r["code"], r["message"]) for o in rs)
            assert same(again) < same(reports), f"{fix} does not mend\n{text}"
            brought = errors(again) - errors(reports)
            assert not brought, f"{fix} brings {brought}\n{text}"
    text = mended(path.read_text(), [r["fixes"][0] for r in reports if r["fixes"]])
    assert not errors(reports_of(path, text)) - errors(r for r in reports if not r["fixes"]), text


CLEAN = [p for p in FILES if p.stem[0] == "w"]


@pytest.mark.parametrize("path", CLEAN, ids=lambda p: p.stem)
def test_dump_is_a_fixed_point(path):
    once = lbc("dump", path.name)
    assert once.returncode == 0, once.stderr.decode()
    twice = lbc("dump", "-", text=once.stdout)
    assert twice.returncode == 0, twice.stderr.decode()
    assert twice.stdout == once.stdout
    table = [lbc("dump", "--table", *a, text=t).stdout for a, t in (([path.name], None), (["-"], once.stdout))]
    strip = lambda t: re.sub(rb"[\w<>.-]+:\d+:\d+", b"", t)
    assert strip(table[0]) == strip(table[1])


def test_dump_says():
    compare(HERE / "check/whole.resolved", lbc("dump", "whole.lbconf").stdout)


def test_stats_say_what_routes_have_become():
    said = lbc("check", "--stats", "whole.lbconf").stdout.decode()
    assert re.search(r"^  route \S+: \d+ clauses?, \d+ fields?; [1-9]\d* stages?, .*; "
                     r"at most [1-9]\d* lookups?$", said, re.M), said
    assert re.search(r"^  table: \d+ bytes$", said, re.M), said


def test_a_route_that_only_leads_to_another_has_a_diagram(tmp_path):
    (tmp_path / "f.lbconf").write_text(
        "lbconf 1\ncluster c { server s 127.0.0.1:9000 }\nlistener l { bind 127.0.0.1:8080; route a }\n"
        "route a { otherwise { goto b } }\nroute b { otherwise { goto d } }\n"
        'route d { when path == "/" { deny }\n otherwise { forward c } }\n')
    said = lbc("check", "--stats", tmp_path / "f.lbconf").stdout.decode()
    assert len(re.findall(r"^  route [abd]: .* 1 stage, ", said, re.M)) == 3, said
    assert " 4 reached, 0 never, 0 unknown" in said, said


def test_stats_say_what_connections_may_take(tmp_path):
    (tmp_path / "f.lbconf").write_text(
        "lbconf 1\ncluster c { server s 127.0.0.1:9000 }\n"
        "listener web { bind 127.0.0.1:8080; max-connections 20; max-streams 3; route a }\n"
        "listener raw { bind 127.0.0.1:8081; protocol tcp; max-connections 1; route b }\n"
        "route a { otherwise { forward c } }\nroute b { otherwise { forward c } }\n")
    said = lbc("check", "--stats", tmp_path / "f.lbconf").stdout.decode()
    size = r"[\d.]+ (B|KiB|MiB|GiB)"
    for line in (rf"    listener web: 20 connections, each {size} waiting, {size} at most; "
                 rf"with HTTP/2 and 3 streams {size} waiting, {size} at most",
                 rf"    listener raw: 1 connection, each {size} waiting, {size} at most",
                 rf"    each worker: {size} to begin with, {size} of idle connections to servers, {size} of buffers",
                 rf"    in all: {size} waiting; {size} at most, and {size} for each worker"):
        assert re.search(f"^{line}$", said, re.M), said


def test_stats_say_what_remembering_clients_may_take(tmp_path):
    (tmp_path / "f.lbconf").write_text(
        "lbconf 1\ncluster c { server s 127.0.0.1:9000; sticky src { entries 1000000 } }\n"
        "cluster d { server s 127.0.0.1:9000; sticky cookie \"lb\" }\n"
        "listener web { bind 127.0.0.1:8080; route a }\n"
        "route a { when path == \"/d\" { forward d }\n otherwise { forward c } }\n")
    said = lbc("check", "--stats", tmp_path / "f.lbconf").stdout.decode()
    assert " 16.0 MiB of clients that are remembered, " in said, said
    said = lbc("check", "--stats", "--format", "json", tmp_path / "f.lbconf").stdout.decode().splitlines()[-1]
    assert (1 << 24) <= json.loads(said)["memory"]["sticky_bytes"] < (1 << 24) + 4096


def test_stats_for_programs():
    """Keys are only ever added; the sums are what their parts come to."""
    said = lbc("check", "--stats", "--format", "json", "whole.lbconf").stdout.decode().splitlines()[-1]
    s = json.loads(said)
    assert s["stats"] == "whole.lbconf"
    assert s["table_bytes"] > 0 and s["proofs"]["reached"] > 0
    assert {r["name"] for r in s["routes"]} and all(r["clauses"] > 0 for r in s["routes"])
    m = s["memory"]
    for what in ("idle_bytes", "most_bytes", "most_buffers_bytes"):
        each = [(l["connections"], l["connection"][what], l.get("h2_connection", {what: 0})[what]) for l in m["listeners"]]
        assert m["connections"][what] == sum(n * max(h1, h2) for n, h1, h2 in each), what
    assert m["worker_bytes"] > 0 and m["worker_servers_bytes"] > 0
    assert 0 < m["worker_buffers_bytes"] <= m["connections"]["most_buffers_bytes"]
    for other in ("sarif", "github"):
        r = lbc("check", "--stats", "--format", other, "whole.lbconf")
        assert r.returncode == 2 and b"--stats" in r.stderr


def test_stats_say_what_was_proven():
    said = lbc("check", "--stats", "whole.lbconf").stdout.decode()
    m = re.search(r"^  proofs: (\d+) clauses and ends: (\d+) reached, (\d+) never, (\d+) unknown; (\d+) questions, "
                  r"(\d+) requests tried, (\d+) unconfirmed$", said, re.M)
    assert m, said
    asked, reached, never, unknown, questions, requests, unconfirmed = map(int, m.groups())
    assert asked == reached + never + unknown and reached > 0
    assert questions > 0 and requests >= reached and unconfirmed == 0


def test_a_dump_shows_classes_and_stages():
    said = lbc("dump", "--table", "whole.lbconf").stdout.decode()
    for shape in (r"^  c\d+  path: \d+ classes$", r'^ +\d+  under "/', r"^  s\d+  begins at [bl]\d+, its nodes at \d+$",
                  r"^    b\d+  asks c\d+: 0\.\. [bl]\d+, ", r"^    l\d+ #\d+ at \d+"):
        assert re.search(shape, said, re.M), shape


@pytest.mark.parametrize("arguments, code, says", [
    (["check"], 2, "which file?"),
    (["dump", "a", "b"], 2, "one file at a time"),
    (["check", "whole.lbconf", "no-such-file", "w0201-unused.lbconf"], 3, "W0201"),
    (["check", "whole.lbconf", "e0101-unexpected.lbconf"], 1, "E0101"),
    (["check", "--formt", "json", "x"], 2, "did you mean --format?"),
    (["check", "--format", "xml", "x"], 2, "--format is human, json, sarif or github"),
    (["check", "--format"], 2, "--format wants a value: FORMAT"),
    (["check", "--deny", "all", "x"], 2, "only warnings can be denied"),
    (["check", "no-such-file"], 3, "cannot read no-such-file: No such file"),
    (["check", "."], 3, "cannot read .: Is a directory"),
    (["check", "whole.lbconf"], 0, ""),
    (["check", "w0201-unused.lbconf"], 0, "W0201"),
    (["check", "--deny", "warnings", "w0201-unused.lbconf"], 1, "W0201"),
    (["dump", "e0101-unexpected.lbconf"], 1, "E0101"),
    (["dump", "--tabel", "whole.lbconf"], 2, "did you mean --table?"),
    (["dump", "--table", "--resolved", "whole.lbconf"], 2, "not both"),
])
def test_exit_codes(arguments, code, says):
    r = lbc(*arguments)
    assert (r.returncode, says in r.stderr.decode()) == (code, True), r.stderr.decode()


COMMANDS = re.findall(r"^COMMAND\((\w+)", (ROOT / "runtime/daemon/command.def").read_text(), re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    r = lbc(command, "--help")
    assert r.returncode == 0 and r.stderr == b""
    for word in (f"usage: lbc {command} ", "--help", "exit code: 0 "):
        assert word in r.stdout.decode()
    assert all(len(line) <= 100 for line in r.stdout.decode().splitlines())
    again = lbc("help", command)
    assert (again.returncode, again.stdout) == (0, r.stdout)


def test_help_lists_all_commands():
    text = lbc("--help").stdout.decode()
    for command in COMMANDS:
        assert f"\n  lbc {command} " in text
    assert "exit code: 0 " in text


@pytest.mark.parametrize("arguments", [["--help"], ["help", "check"], ["--version"], ["check", "whole.lbconf"],
                                       ["dump", "whole.lbconf"], ["dump", "--table", "whole.lbconf"],
                                       ["explain", "--list"], ["explain", "whole.lbconf", "GET /"],
                                       ["check", "--format=sarif", "whole.lbconf"]])
def test_output_that_cannot_be_written_is_noticed(arguments):
    with open("/dev/full", "wb") as full:
        r = subprocess.run([LBC, *arguments], cwd=HERE / "check", stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT)
    assert r.returncode == 3 and b"the output cannot be written: " in r.stderr


def test_an_unknown_command_names_the_nearest():
    r = lbc("chekc", "whole.lbconf")
    assert r.returncode == 2 and b'did you mean "check"?' in r.stderr


@pytest.mark.parametrize("words", [["drain", "web/a"], ["show", "servers"], ["commit", "set", "web/a", "weight", "5"]])
def test_what_a_running_one_is_told_is_said_to_it(words):
    r = lbc(*words)
    assert r.returncode == 2 and f'"{words[0]}" is said to a running lbc: lbc ctl {words[0]} ...'.encode() in r.stderr


@pytest.mark.parametrize("name", ["w0101-ahead-of-its-program", "w0101-actions"])
def test_run_refuses_what_it_does_not_serve(name):
    r = lbc("run", f"{name}.lbconf")
    assert r.returncode == 1 and b"error[E0118]" in r.stderr


def test_standard_input():
    r = lbc("check", "-", text=(HERE / "check/whole.lbconf").read_bytes())
    assert r.returncode == 0 and r.stdout.startswith(b"ok: ")


def test_syntax_proves_nothing_about_routes():
    assert lbc("check", "e0506-unreachable.lbconf").returncode == 1
    r = lbc("check", "--syntax", "e0506-unreachable.lbconf")
    assert r.returncode == 0 and b"nothing was proven" in r.stdout
    assert lbc("check", "--syntax", "e0201-undefined-names.lbconf").returncode == 1
    assert lbc("check", "--syntax", "--stats", "e0506-unreachable.lbconf").returncode == 2
