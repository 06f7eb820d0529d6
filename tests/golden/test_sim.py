"""`lbc sim`: what it says of clusters with groups, lists and weights."""
import json
import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
LBC = pathlib.Path(os.environ.get("LBC", HERE.parents[1] / "build/asan/lbc")).resolve()
UPDATE = bool(os.environ.get("LBC_UPDATE"))
FILE = "groups.lbconf"


def sim(*arguments, code=0):
    r = subprocess.run([LBC, "sim", *arguments], cwd=HERE / "sim", capture_output=True, timeout=60)
    assert r.returncode == code, r.stderr.decode()
    return r.stdout.decode() if code == 0 else r.stderr.decode()


def test_it_says_what_it_said():
    got, expected = sim(FILE, "--requests", "10000"), HERE / "sim/groups.expected"
    got = got.replace(str(HERE), "HERE")
    if UPDATE:
        expected.write_text(got)
    assert got == expected.read_text()


def test_json_says_the_same():
    clusters = {c["cluster"]: c for c in json.loads(sim(FILE, "--json", "--requests", "10000"))}
    web = clusters["web"]
    assert [s["server"] for s in web["servers"]] == ["a", "b", "127.0.0.1:9101"]
    assert sum(s["requests"] for s in web["servers"]) == web["requests"] == 10000
    assert [(g["priority"], g["backup"], [s["server"] for s in g["servers"]]) for g in web["standby"]] == [
        (1, False, ["c", "127.0.0.1:9102"]), (0, True, ["d"]), (3, True, ["e"])]
    found = clusters["found"]
    assert found["servers"] == [] and "standby" not in found and len(found["notes"]) == 3
    assert clusters["by-key"]["notes"] == []


def test_one_cluster_and_one_seed():
    one = sim(FILE, "--cluster", "by-key", "--seed", "7")
    assert one.startswith("cluster by-key") and "cluster web" not in one
    assert one == sim(FILE, "--cluster", "by-key", "--seed", "7") != sim(FILE, "--cluster", "by-key", "--seed", "8")


@pytest.mark.parametrize("arguments, code, says", [
    ([], 2, "which file?"),
    ([FILE, FILE], 2, "one file at a time"),
    ([FILE, "--cluster", "nobody"], 2, "there is no cluster"),
    ([FILE, "--requests", "0"], 2, "--requests is"),
    (["no-such-file"], 3, "cannot read"),
    (["../check/e0101-unexpected.lbconf"], 1, "E0101"),
])
def test_exit_codes(arguments, code, says):
    assert says in sim(*arguments, code=code)
