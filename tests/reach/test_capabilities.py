"""What can be said: a configuration for each capability of an HTTPRoute and for the routing examples of HAProxy's manual, with
tests of its own; and each cell of the table in grammar/REACH.md compiles."""
import pathlib
import re
import subprocess

import pytest

from harness import LBC, wrapper

HERE = pathlib.Path(__file__).parent
REACH = HERE.parents[1] / "grammar" / "REACH.md"
FILES = sorted(HERE.glob("*/*.lbconf"))
ENVIRONMENT = {"STAFF": "anna:x"}


def lbc(*words, text=None):
    return subprocess.run(wrapper() + [LBC, *map(str, words)], input=text, capture_output=True, text=True,
                          env=ENVIRONMENT, timeout=60)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_a_capability(path):
    done = lbc("test", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"[1-9]\d* tests?: ", done.stdout), done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_it_is_in_canonical_form(path):
    assert lbc("fmt", "--check", path).returncode == 0


#: What the cells name.
AROUND = """lbconf 1
cluster web {{ server a 10.0.0.1:8080 }}
cluster api {{ server a 10.0.0.2:8080 }}
cluster next {{ server a 10.0.0.3:8080 }}
map tenants : host -> cluster = {{ "a.example.com" -> api }}
set office : network = {{ 10.0.0.0/8 }}
set banned : network = {{ 198.51.100.0/24 }}
{needs}
{top}
listener front {{ bind 0.0.0.0:8080; route site; {listener} }}
route site {{
  {clause}
  {otherwise}
}}
"""
#: What a cell names that is not served itself.
NEEDS = {"limit per-client;": "limit per-client { key src  rate 100/s }", "shared counts": "shared counts { address 10.0.0.9:6379 }",
         "require basic staff;": 'secret staff from env "STAFF"', "require jwt keys;": 'secret keys from env "KEYS"'}


def cells():
    """What is said here, and whether the table calls it not served yet."""
    for line in REACH.read_text().splitlines():
        columns = [c.strip() for c in line.strip().strip("|").split(" | ")]
        if len(columns) == 4 and (said := re.fullmatch(r"`(.*?)`( \*later\*)?", columns[3])):
            yield said[1], bool(said[2])


def test_the_table_has_cells():
    assert len(list(cells())) > 50


@pytest.mark.parametrize("said, later", cells())
def test_a_cell_compiles_and_is_served_as_the_table_says(said, later):
    word = said.split()[0]
    parts = {"top": "", "listener": "", "clause": "", "otherwise": "otherwise { forward web }",
             "needs": "\n".join(text for name, text in NEEDS.items() if name in said)}
    place = {"when": "clause", "otherwise": "otherwise", "on": "listener", "compress": "listener", "max-connections-per-source": "listener",
             "max-handshakes": "listener", "max-glitches": "listener"}.get(word, "top")
    parts[place] = said
    done = lbc("check", "-", text=AROUND.format(**parts))
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("W0101" in done.stderr) == later, done.stderr


def capabilities():
    """The table of HTTPRoute: the file of a row, and whether the table calls it not served yet."""
    for line in REACH.read_text().splitlines():
        if row := re.fullmatch(r"\| .* \| \[(\S+)\]\(\.\./tests/reach/gateway/\1\.lbconf\) \| (served|\*later\*) \|", line):
            yield row[1], row[2] != "served"


def test_each_capability_of_an_http_route_is_in_the_table():
    assert {name for name, _ in capabilities()} == {p.stem for p in FILES if p.parent.name == "gateway"}


@pytest.mark.parametrize("name, later", capabilities())
def test_a_capability_is_served_as_the_table_says(name, later):
    done = lbc("check", HERE / "gateway" / f"{name}.lbconf")
    assert done.returncode == 0, done.stderr
    assert ("W0101" in done.stderr) == later, done.stderr


EXAMPLES = re.findall(r"^```lbconf\n(.*?)^```", (REACH.parent / "LANGUAGE.md").read_text(), re.M | re.S)


def table(text):
    r = lbc("dump", "--table", "-", text=text)
    assert r.returncode == 0, r.stderr
    return r.stdout


@pytest.mark.parametrize("text", [*(p.read_text() for p in FILES), *EXAMPLES],
                         ids=[*(p.stem for p in FILES), *(f"example {i}" for i in range(len(EXAMPLES)))])
def test_a_dump_is_read_again(text):
    dumped = lbc("dump", "-", text=text).stdout
    assert table(dumped) == table(text)
    assert lbc("dump", "-", text=dumped).stdout == dumped


def test_parentheses_that_are_lost_are_noticed():
    """Were it not for the parentheses that unparse writes, this would be another program."""
    program = """lbconf 1
cluster c { server s 10.0.0.1:80 }
listener l { bind 0.0.0.0:80; route r }
route r { when (path == "/a" or path == "/b") and method == GET { forward c }; otherwise { deny 404 } }
"""
    dumped = lbc("dump", "-", text=program).stdout
    assert "(path" in dumped
    assert table(dumped) == table(program)
    assert table(dumped.replace("(path", "path").replace('"/b")', '"/b"')) != table(program)
