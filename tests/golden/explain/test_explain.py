"""`lbc explain`: each *.golden begins with a command; the rest is its standard output, and behind a
line `exit N` what it is to return. LBC_GOLDEN=write writes them anew: read the difference then."""
import os
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
    ("shop.lbconf 'GET /a%2fb'", 2, "has an escaped slash"),
    ("shop.lbconf 'GET /' --from nowhere", 2, "is neither IPv4 nor IPv6"),
    ("shop.lbconf 'GET /' -H nothing", 2, "is not a name, a colon and a value"),
    ("shop.lbconf 'GET http://a/' -H 'Host: b'", 2, "differs from the host of the URL"),
    ("shop.lbconf 'GET /' --listener nope", 2, "has no listener nope"),
    ("shop.lbconf 'GET /' --nope x", 2, "there is no option --nope"),
    ("shop.lbconf 'GET /' --from", 2, "needs a value"),
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
