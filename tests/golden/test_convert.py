"""`lbc convert`: the same configuration as .lbconf, YAML and JSON.

LBC_UPDATE=1 writes the .yaml and .json files anew; look at the difference before committing it."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LBC = pathlib.Path(os.environ.get("LBC", ROOT / "build/asan/lbc")).resolve()
UPDATE = bool(os.environ.get("LBC_UPDATE"))
WHOLE = [p for p in sorted((ROOT / "examples").rglob("*.lbconf")) if p.name != "tests.lbconf"]
INPUTS = sorted((HERE / "convert").glob("*.lbconf"))
CORPUS = [*WHOLE, *INPUTS, *sorted((HERE / "check").glob("w*.lbconf")),
          *sorted((HERE / "format").glob("*.lbconf"))]


def lbc(*arguments, cwd=HERE):
    return subprocess.run([LBC, *arguments], cwd=cwd, capture_output=True, timeout=60)


def converted(path, to):
    r = lbc("convert", "--to", to, path)
    assert r.returncode in (0, 1), r.stderr.decode()
    return r.stdout if r.returncode == 0 else None


@pytest.mark.parametrize("to", ["yaml", "json"])
@pytest.mark.parametrize("path", INPUTS, ids=lambda p: p.stem)
def test_golden(path, to):
    expected = path.with_suffix("." + to)
    got = converted(path, to)
    if UPDATE:
        expected.write_bytes(got)
    assert got.decode() == expected.read_bytes().decode()


def table(path):
    """What runs; places differ between the forms, and so does the folder that files are beside."""
    dump = lbc("dump", "--table", path)
    there = bytes(pathlib.Path(path).resolve().parent)
    return dump.returncode, re.sub(rb"[\w<>./-]+:\d+:\d+", b"", dump.stdout).replace(there, b"")


@pytest.fixture
def beside(tmp_path):
    """A folder with all that the examples include, so that what is written there finds it."""
    return shutil.copytree(ROOT / "examples/shop", tmp_path / "beside")


def test_it_means_the_same_there_and_back(beside):
    n = 0
    for path in CORPUS:
        for to in ("yaml", "json"):
            made = converted(path, to)
            if made is None or b'"lists/' in path.read_bytes():  # a path of a file is one in its folder
                continue
            there, back, again = beside / f"a.{to}", beside / "b.lbconf", beside / f"c.{to}"
            there.write_bytes(made)
            back.write_bytes(converted(there, "lbconf"))
            again.write_bytes(converted(back, to))
            assert table(there) == table(path), path
            assert table(back) == table(path), path
            if to == "json":
                assert again.read_bytes() == made, path
                json.loads(made)
            n += 1
    assert n > 10


@pytest.mark.parametrize("to", ["yaml", "json"])
def test_it_is_proven_equal(to, beside):
    for path in [*WHOLE, HERE / "convert/whole.lbconf"]:
        there, back = beside / f"a.{to}", beside / "b.lbconf"
        there.write_bytes(converted(path, to))
        back.write_bytes(converted(there, "lbconf"))
        for other in (there, back):
            r = lbc("diff", "--expect-equal", path, other)
            assert r.returncode == 0, r.stdout.decode() + r.stderr.decode()


@pytest.mark.parametrize("to", ["yaml", "json"])
def test_other_readers_read_the_same(to):
    """What Python's readers make of both forms is one and the same."""
    for path in INPUTS:
        from_yaml, from_json = yaml.safe_load(converted(path, "yaml")), json.loads(converted(path, "json"))
        assert from_yaml == from_json


def written(tmp_path, text, name="a.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return path


HEAD = "lbconf: 1\nlistener: { front: { bind: 127.0.0.1:80, route: site } }\n"


@pytest.mark.parametrize("yaml, text", [
    ("route: { site: [ { otherwise: deny 404 } ] }", "route site { otherwise { deny 404 } }"),
    ("route:\n  site:\n    - when: |\n        path == '/a'\n        or path == '/b'\n      do: deny\n    - otherwise: deny",
     "route site {\n  when path == '/a'\n      or path == '/b' { deny }\n  otherwise { deny }\n}"),
    ("acl: { on: path == '/no', \"yes\": \"path == '/\\u00fc'\" }", "acl on  = path == '/no'\nacl yes = path == '/ü'"),
    ("const: { A: { integer: 010 }, B: { string: '\"no\"' }, C: duration = 5s }",
     "const A : integer  = 010\nconst B : string   = \"no\"\nconst C : duration = 5s"),
    ("set: { a: { path: [] }, b: { path: ['\"/x\"', '\"/y\"'] } }", "set a : path = {}\nset b : path = { \"/x\", \"/y\" }"),
    ("cluster: { a: {}, b: { server: { x: 1.2.3.4:5 backup } } }",
     "cluster a {}\n\ncluster b { server x 1.2.3.4:5 backup }"),
    ("cluster a: &a { balance: first }\ncluster b: *a", "cluster a { balance first }\n\ncluster b { balance first }"),
    ("- env A : port\n- env: { B: port }\n- route r:\n    - when: x\n      do: [remove header \"x\", continue]",
     "env A : port\nenv B : port\n\nroute r {\n  when x { remove header \"x\"; continue }\n}"),
])
def test_reading(tmp_path, yaml, text):
    """The text that a document comes to, where it parses; aliases, lists, odd words."""
    r = lbc("convert", "--to", "lbconf", written(tmp_path, yaml))
    if r.returncode:
        pytest.fail(r.stderr.decode())
    assert r.stdout.decode() == text + "\n"


def test_aliases_of_aliases_end(tmp_path):
    bomb = "cluster a0: &a0 { server: { a: 1.2.3.4:5 } }\n" + "".join(
        f"cluster a{i}: &a{i} [ {{ x: y }}, {', '.join([f'{{ do: *a{i - 1}, z: z }}'] * 9)} ]\n" for i in range(1, 12))
    r = lbc("check", written(tmp_path, bomb))
    assert r.returncode == 1


def test_every_command_takes_them(tmp_path):
    for form in ("yaml", "json"):
        path = tmp_path / f"quick.{form}"
        path.write_bytes(converted(ROOT / "examples/quickstart.lbconf", form))
        assert lbc("check", path).stdout.startswith(b"ok: ")
        explained = lbc("explain", path, "GET http://old.example.com/x")
        assert explained.returncode == 0 and f"quick.{form}:".encode() in explained.stdout
        assert lbc("dump", path).stdout == lbc("dump", ROOT / "examples/quickstart.lbconf").stdout


def test_the_example_of_the_reference(tmp_path):
    text = (ROOT / "grammar/LANGUAGE.md").read_text()
    [example] = re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S)
    r = lbc("check", "--deny=warnings", written(tmp_path, example))
    assert r.returncode == 0, r.stderr.decode()


def test_what_is_wrong_is_reported_at_its_place(tmp_path):
    path = written(tmp_path, HEAD + "route:\n  site:\n    - when: src in 10.0.0.0/33\n      do: deny\n    - otherwise: deny\n")
    report = json.loads(lbc("check", "--format=json", path).stdout)
    place = next(s for s in report["spans"] if s["primary"])
    assert (place["line"], place["column"], place["end_column"]) == (5, 20, 31)


@pytest.mark.parametrize("arguments, code, says", [
    ([], 2, "which file?"),
    (["--to", "yaml"], 2, "which file?"),
    (["a"], 2, "to what?"),
    (["--to", "xml", "a"], 2, "--to is json, yaml or lbconf"),
    (["--to", "yaml", "a", "b"], 2, "one file at a time"),
    (["--to", "yaml", "no-such-file"], 3, "cannot read no-such-file"),
    (["--to", "yaml", "check/e0101-unexpected.lbconf"], 1, "E0101"),
    (["--to", "json", "check/e0115-key-twice.yaml"], 1, "E0115"),
    (["--help"], 0, ""),
])
def test_exit_codes(arguments, code, says):
    r = lbc("convert", *arguments)
    assert (r.returncode, says in r.stderr.decode()) == (code, True), r.stderr.decode()


def test_other_forms_are_not_formatted(tmp_path):
    assert lbc("fmt", written(tmp_path, "lbconf:   1\n")).returncode == 2
