"""What `lbc check` and `lbc dump` say, held against what they said when somebody looked.

LBC_UPDATE=1 writes the .expected files anew; look at the difference before committing it."""
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
FILES = sorted([*(HERE / "check").glob("*.lbconf"), *(HERE / "check").glob("*.latin1")])
ENVIRONMENT = {"PATH": os.environ["PATH"], "GOLDEN_PORT": "80x"}

# Too large a file to keep; tests/unit/grammar has it.
NOT_HERE = {"E0002"}


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


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_fixes_mend(path):
    """With every fix applied, what is still said of these kinds is what had no fix."""
    reports = [json.loads(line) for line in lbc("check", "--format=json", path.name).stdout.splitlines()]
    fixes = [r["fixes"][0] for r in reports if r["fixes"]]
    if not fixes:
        pytest.skip("nothing to mend")
    text = path.read_text()
    lines = text.split("\n")
    edits = [(offset(lines, f["span"]["line"], f["span"]["column"]),
              offset(lines, f["span"]["end_line"], f["span"]["end_column"]), f["replacement"]) for f in fixes]
    for begin, end, replacement in sorted(edits, reverse=True):
        text = text[:begin] + replacement + text[end:]
    again = lbc("check", "-", text=text.encode()).stderr.decode()
    for code in {r["code"] for r in reports}:
        unmended = sum(r["code"] == code and not r["fixes"] for r in reports)
        assert codes(again).count(code) == unmended, text


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


@pytest.mark.parametrize("arguments, code, says", [
    (["check"], 2, "which file?"),
    (["check", "a", "b"], 2, "one file at a time"),
    (["check", "--formt", "json", "x"], 2, "did you mean --format?"),
    (["check", "--format", "xml", "x"], 2, "--format is human or json"),
    (["check", "--format"], 2, "--format wants a value: human|json"),
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


@pytest.mark.parametrize("command", ["check", "dump"])
def test_help_names_every_exit_code(command):
    r = lbc(command, "--help")
    assert r.returncode == 0 and r.stderr == b""
    for word in ("usage:", "FILE", "--help", "exit code"):
        assert word in r.stdout.decode()


def test_standard_input():
    r = lbc("check", "-", text=(HERE / "check/whole.lbconf").read_bytes())
    assert r.returncode == 0 and r.stdout.startswith(b"ok: ")
