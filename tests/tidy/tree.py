"""What the checks of this folder share: the files of the tree, and C text without its comments."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def files(*suffixes):
    """The files that are or would be committed, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True).stdout.decode()
    paths = sorted(pathlib.PurePosixPath(name) for name in set(listed.split("\0")) if name)
    return [p for p in paths if (not suffixes or p.suffix in suffixes) and (ROOT / p).is_file()]


def text(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def code_only(source):
    """Comments, strings and characters become blanks; every line and column stays where it is."""
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', blank, source,
                  flags=re.S)


def report(problems):
    """Fails with one problem a line, or passes."""
    problems = list(problems)
    if problems:
        pytest.fail("\n".join(problems), pytrace=False)
