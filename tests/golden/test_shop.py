"""The shop of examples/: its tests must notice when a clause is taken out, or two that matter change places."""

import itertools
import json
import os
import re
import shutil
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOP = os.path.join(ROOT, "examples", "shop")
# Some hundred checks of a large file: by the release build where there is one, which takes a tenth of the time.
LBC = os.environ.get("LBC_RELEASE") or os.environ.get("LBC", os.path.join(ROOT, "build", "asan", "lbc"))

with open(os.path.join(SHOP, "shop.lbconf"), encoding="utf-8") as f:
    LINES = f.read().splitlines(keepends=True)


def routes():
    """Of each route, its clauses: pairs of the first line's number (from 0) and the one behind the last."""
    found, name, begin = {}, None, None
    for number, line in enumerate(LINES):
        start = re.match(r"route ([a-z-]+) \{", line)
        if start:
            name = start[1]
            found[name] = []
        elif line.startswith("}"):
            name = None
        elif name and re.match(r"  (when|otherwise) ", line):
            begin = number
        if begin is not None and (line.endswith("}\n") if number == begin else line == "  }\n"):
            found[name].append((begin, number + 1))
            begin = None
    return found


CLAUSES = [clause for clauses in routes().values() for clause in clauses]
NEIGHBOURS = [pair for clauses in routes().values() for pair in itertools.pairwise(clauses)]
PAIRS = [pair for clauses in routes().values() for pair in itertools.combinations(clauses, 2)]


def text(clause):
    return "".join(LINES[clause[0]:clause[1]])


def without(clause):
    return LINES[:clause[0]] + LINES[clause[1]:]


def swapped(a, b):
    return LINES[:a[0]] + [text(b)] + LINES[a[1]:b[0]] + [text(a)] + LINES[b[1]:]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop") / "copy"
    shutil.copytree(SHOP, folder)
    return folder / "shop.lbconf"


def lbc(*arguments):
    return subprocess.run([LBC, *arguments], capture_output=True, text=True, timeout=60)


def without_tags(does):
    return re.sub(r'tag "[^"]*"(; |$)', "", does)


def matters(region):
    """A tag is seen in the log alone, and no test can ask for it."""
    return without_tags(region["before"]["does"]) != without_tags(region["after"]["does"])


def noticed(copy, lines):
    """Does `lbc check`, which runs the tests, object to the shop with these lines? If not, they must not matter: `lbc diff`
    finds no request that is treated otherwise."""
    copy.write_text("".join(lines), encoding="utf-8")
    if lbc("check", str(copy)).returncode != 0:
        return True
    diff = lbc("diff", "--format", "json", os.path.join(SHOP, "shop.lbconf"), str(copy))
    return not any(map(matters, json.loads(diff.stdout)["regions"]))


def test_the_shop_is_right():
    done = lbc("test", "--coverage", "--fail-under", "100%", os.path.join(SHOP, "shop.lbconf"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_has_the_size_of_a_shop():
    assert len(CLAUSES) >= 200


def test_every_clause_is_missed(copy):
    unnoticed = [text(c) for c in CLAUSES if not noticed(copy, without(c))]
    assert not unnoticed, f"{len(unnoticed)} of {len(CLAUSES)} could go unnoticed:\n" + "".join(unnoticed)


def test_order_is_noticed(copy):
    """All pairs where LBC_LONG is set (some minutes), else neighbours."""
    unnoticed = []
    for a, b in PAIRS if os.environ.get("LBC_LONG") else NEIGHBOURS:
        if not noticed(copy, swapped(a, b)):
            unnoticed.append(text(a) + "and\n" + text(b))
    assert not unnoticed, f"{len(unnoticed)} pairs could change places unnoticed:\n" + "\n".join(unnoticed)
