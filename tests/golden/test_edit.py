"""`lbc edit`: the command around grammar/edit, which tests/unit/grammar/edit tests."""
import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
LBC = pathlib.Path(os.environ.get("LBC", HERE.parents[1] / "build/asan/lbc")).resolve()
QUICK = HERE.parents[1] / "examples/quickstart.lbconf"


def lbc(*arguments, text=None):
    return subprocess.run([LBC, *arguments], cwd=HERE, input=text, capture_output=True, timeout=60)


def test_it_prints_the_new_text():
    r = lbc("edit", QUICK, "set web/a weight 5", "add web server d 127.0.0.1:9004 backup")
    assert r.returncode == 0
    old, new = QUICK.read_text().splitlines(), r.stdout.decode().splitlines()
    assert [l for l in new if l not in old] == ["  server a 127.0.0.1:9001 weight 5", "  server d 127.0.0.1:9004 backup"]
    assert [l for l in old if l not in new] == ["  server a 127.0.0.1:9001 weight 2"]


def test_it_writes(tmp_path):
    path = tmp_path / "a.lbconf"
    path.write_bytes(QUICK.read_bytes())
    path.chmod(0o600)
    r = lbc("edit", "--write", path, "remove web/c")
    assert (r.returncode, r.stdout) == (0, b"")
    assert b"server c" not in path.read_bytes() and path.stat().st_mode & 0o777 == 0o600
    assert lbc("check", path).returncode == 0


def test_diff_says_where():
    r = lbc("edit", "--diff", QUICK, "set web timeout read 5s")
    assert r.returncode == 0
    assert [l for l in r.stdout.decode().splitlines()[2:] if l[0] in "+-"] == ["+  timeout read 5s"]


def test_all_or_nothing(tmp_path):
    path = tmp_path / "a.lbconf"
    path.write_bytes(QUICK.read_bytes())
    r = lbc("edit", "--write", path, "remove web/c", "remove web/x")
    assert r.returncode == 1 and b"E1202" in r.stderr and b"<request>:2:8" in r.stderr
    assert path.read_bytes() == QUICK.read_bytes()


@pytest.mark.parametrize("arguments, code, says", [
    ([], 2, "which file?"),
    (["a"], 2, "what is to be changed?"),
    (["a.yaml", "remove a"], 2, "only .lbconf files are edited"),
    (["--write", "-", "remove a"], 2, "standard input cannot be written"),
    (["no-such-file", "remove a"], 3, "cannot read no-such-file"),
    ([QUICK, "remove nobody"], 1, "E1202"),
    (["check/e0101-unexpected.lbconf", "remove a"], 1, "E0101"),
    (["--help"], 0, ""),
])
def test_exit_codes(arguments, code, says):
    r = lbc("edit", *arguments)
    assert (r.returncode, says in r.stderr.decode()) == (code, True), r.stderr.decode()


SMALL = """lbconf 1
const T : duration = 5s
cluster b { server x 127.0.0.1:19002; health tcp; timeout read T }
listener l { bind 127.0.0.1:18080; route r }
route r {
  when path == "/a" { deny }
  otherwise { forward b }
}
"""


@pytest.mark.parametrize("sentence, code", [
    ("set b balance", "E0102"),
    ("set b timeout read", "E0102"),
    ("set b/x weight", "E0102"),
    ("remove b", "E0201"),
    ("remove b/x", "E0601"),
    ("remove l bind", "E0701"),
    ("set T 0s", "E0404"),
    ("add r otherwise { deny }", "E0502"),
    ("add r before 1 when path under \"/\" { deny }", "E0506"),
    ("add / include \"no-such-file.lbconf\"", "E0119"),
    ("add / test \"t\" { request GET \"/a\"; expect forward b }", "E0804"),
])
def test_a_change_that_breaks_the_file_is_refused(tmp_path, sentence, code):
    path = tmp_path / "a.lbconf"
    path.write_text(SMALL)
    r = lbc("edit", "--write", path, sentence)
    said = r.stderr.decode()
    assert (r.returncode, r.stdout, path.read_text()) == (1, b"", SMALL), said
    assert f"error[{code}]" in said and said.endswith("It stays as it is.\n")
    assert f"--> {path}:" in said


def edit_text(text, *sentences):
    r = lbc("edit", "-", *sentences, text=text.encode())
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def test_errors_that_were_there_refuse_nothing():
    broken = SMALL.replace("forward b", "forward c")
    code, new, said = edit_text(broken, "set T 6s")
    assert (code, said) == (0, "") and new == broken.replace("5s", "6s")


def test_of_two_errors_that_read_the_same_the_new_one_is_told():
    broken = SMALL.replace("forward b", "forward c")
    code, new, said = edit_text(broken, 'add r before 1 when path == "/b" { forward c }')
    assert code == 1 and new == "" and said.count("error[E0201]") == 1
    assert ":6:31" in said and "this error" in said


def test_an_error_that_moves_was_there():
    broken = SMALL.replace("{ deny }", "{ forward c }").replace("  otherwise", '  when path == "/b" { deny }\n  otherwise')
    assert edit_text(broken, "move r/1 after 2")[0] == 0


def test_a_file_is_mended_step_by_step():
    """The misspelt name hides that the last clause is never reached: mending it brings no error."""
    broken = SMALL.replace("  otherwise", '  when path == "/a" { forward b }\n  otherwise').replace("read T", "read U")
    assert lbc("check", "-", text=broken.encode()).stderr.decode().count("error[") == 1
    code, new, _ = edit_text(broken, "set b timeout read T")
    assert code == 0 and "read T" in new
    assert "error[E0506]" in lbc("check", "-", text=new.encode()).stderr.decode()


def test_what_a_file_includes_is_looked_at(tmp_path):
    (tmp_path / "part.lbconf").write_text("cluster c { server x 127.0.0.1:19003 }\n")
    path = tmp_path / "a.lbconf"
    path.write_text(SMALL.replace("lbconf 1\n", 'lbconf 1\ninclude "part.lbconf"\n') .replace("deny", "forward c"))
    assert lbc("edit", "--write", path, "set r/1 x").returncode == 1
    r = lbc("edit", "--write", path, 'remove include')
    assert r.returncode == 1 and b"E0201" in r.stderr, r.stderr
    assert lbc("edit", "--write", path, "set T 7s").returncode == 0 and "7s" in path.read_text()


def test_a_comment_that_goes_is_said():
    text = SMALL.replace("{ deny }", "{\n    # why\n    deny\n  }")
    code, new, said = edit_text(text, "remove r/1")
    assert code == 0 and "# why" not in new
    assert "warning[W1201]" in said and ":7:5" in said, said
    code, new, said = edit_text(SMALL.replace("{ deny }", "{ deny } # why"), "remove r/1")
    assert (code, said) == (0, "") and "# why" not in new
