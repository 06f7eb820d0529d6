"""`lbc fmt`: what it makes of a text, on everything we have, and what the command does with files.

LBC_UPDATE=1 writes the .formatted files anew; look at the difference before committing it."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LBC = pathlib.Path(os.environ.get("LBC", ROOT / "build/asan/lbc")).resolve()
UPDATE = bool(os.environ.get("LBC_UPDATE"))
INPUTS = sorted((HERE / "format").glob("*.lbconf"))
EXAMPLES = sorted((ROOT / "examples").rglob("*.lbconf"))
REFERENCE = re.findall(r"^```lbconf\n(.*?)^```", (ROOT / "grammar/LANGUAGE.md").read_text(), re.M | re.S)
CORPUS = [p.read_bytes() for p in [*EXAMPLES, *INPUTS, *sorted((HERE / "check").glob("*.lbconf")),
                                   *sorted((ROOT / "fuzz/corpus").glob("*/*"))]
          if p.stat().st_size < 100000]


def lbc(*arguments, text=None, cwd=HERE):
    return subprocess.run([LBC, *arguments], cwd=cwd, input=text, capture_output=True, timeout=60)


def formatted(text):
    r = lbc("fmt", "--stdin", text=text)
    assert r.returncode in (0, 1), r.stderr.decode()
    return r.stdout if r.returncode == 0 else None


@pytest.mark.parametrize("path", INPUTS, ids=lambda p: p.stem)
def test_golden(path):
    expected = path.with_suffix(".formatted")
    got = formatted(path.read_bytes())
    if UPDATE:
        expected.write_bytes(got)
    assert got.decode() == expected.read_bytes().decode()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples_are_canonical(path):
    assert lbc("fmt", "--diff", path).stdout.decode() == ""


def test_the_reference_is_nearly_canonical():
    """It is read as running text too, so a comment may stand where it reads best; tokens may not."""
    for text in REFERENCE:
        assert formatted(text.encode()).decode().split() == text.split()


def table(text):
    dump = lbc("dump", "--table", "-", text=text)
    return dump.returncode, re.sub(rb"[\w<>.-]+:\d+:\d+", b"", dump.stdout)


def test_it_changes_nothing_that_matters():
    """On all texts of the tests and examples: canonical is canonical, and means the same."""
    changed = 0
    for text in CORPUS:
        once = formatted(text)
        if once is None:
            continue
        assert formatted(once) == once
        assert table(once) == table(text)
        changed += once != text
    assert changed > 10


def test_it_is_proven_equal(tmp_path):
    """`lbc diff` finds no request that is treated otherwise, and no setting that differs."""
    beside = shutil.copytree(ROOT / "examples/shop", tmp_path / "beside")
    whole = [p.read_bytes() for p in EXAMPLES if p.name != "tests.lbconf"]
    for n, text in enumerate([*whole, *(t.encode() for t in REFERENCE)]):
        old, new = beside / f"{n}.lbconf", beside / f"{n}-new.lbconf"
        old.write_bytes(b"\n\n".join(text.replace(b"  ", b" ").split(b"\n")))
        new.write_bytes(formatted(old.read_bytes()))
        assert old.read_bytes() != new.read_bytes()
        r = lbc("diff", "--expect-equal", old, new)
        assert r.returncode == 0, r.stdout.decode() + r.stderr.decode()


UGLY = b"lbconf   1\n"


def test_it_rewrites_what_the_link_leads_to_and_keeps_the_mode(tmp_path):
    real, link = tmp_path / "real.lbconf", tmp_path / "link.lbconf"
    real.write_bytes(UGLY)
    real.chmod(0o640)
    link.symlink_to("real.lbconf")
    r = lbc("fmt", link)
    assert (r.returncode, r.stdout, r.stderr) == (0, b"", b"")
    assert link.is_symlink() and real.read_bytes() == b"lbconf 1\n"
    assert real.stat().st_mode & 0o7777 == 0o640
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.lbconf", "real.lbconf"]


def test_a_canonical_file_is_not_touched(tmp_path):
    path = tmp_path / "a.lbconf"
    path.write_bytes(b"lbconf 1\n")
    before = path.stat()
    assert lbc("fmt", path).returncode == 0
    assert path.stat().st_ino == before.st_ino and path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_mistake_leaves_its_file_and_not_the_others(tmp_path):
    bad, good = tmp_path / "bad.lbconf", tmp_path / "good.lbconf"
    bad.write_bytes(b"lbconf   1\nclster a {}\n")
    good.write_bytes(UGLY)
    r = lbc("fmt", bad, good)
    assert r.returncode == 1 and b"error[E0103]" in r.stderr
    assert bad.read_bytes().startswith(b"lbconf   1") and good.read_bytes() == b"lbconf 1\n"


def test_check_and_diff_change_nothing(tmp_path):
    ugly, good = tmp_path / "ugly.lbconf", tmp_path / "good.lbconf"
    ugly.write_bytes(UGLY)
    good.write_bytes(b"lbconf 1\n")
    check = lbc("fmt", "--check", "ugly.lbconf", "good.lbconf", cwd=tmp_path)
    assert (check.returncode, check.stdout) == (1, b"ugly.lbconf\n")
    diff = lbc("fmt", "--diff", "ugly.lbconf", "good.lbconf", cwd=tmp_path)
    assert diff.returncode == 1
    assert diff.stdout == b"--- ugly.lbconf\n+++ ugly.lbconf\n@@ -1 +1 @@\n-lbconf   1\n+lbconf 1\n"
    assert ugly.read_bytes() == UGLY
    assert lbc("fmt", "--check", good).returncode == 0


def test_diff_is_a_patch(tmp_path):
    """patch(1) makes of the input what fmt makes of it."""
    for path in INPUTS:
        copy = tmp_path / path.name
        copy.write_bytes(path.read_bytes())
        diff = lbc("fmt", "--diff", copy).stdout
        subprocess.run(["patch", "--binary", "-s", copy], input=diff, check=True, cwd=tmp_path)
        assert copy.read_bytes() == path.with_suffix(".formatted").read_bytes()


@pytest.mark.parametrize("arguments, code, says", [
    ([], 2, "which files?"),
    (["--stdin", "a"], 2, "not both"),
    (["--chek", "a"], 2, "did you mean --check?"),
    (["no-such-file"], 3, "cannot read no-such-file"),
    (["/dev/null/x"], 3, "cannot read"),
    (["--help"], 0, ""),
])
def test_exit_codes(arguments, code, says):
    r = lbc("fmt", *arguments)
    assert (r.returncode, says in r.stderr.decode()) == (code, True), r.stderr.decode()
