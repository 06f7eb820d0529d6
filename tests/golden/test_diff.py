"""What `lbc diff` says of two configurations, held against what it said when somebody looked, and shown to be so.

LBC_UPDATE=1 writes the .expected files anew."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
LBC = pathlib.Path(os.environ.get("LBC", HERE.parent.parent / "build/asan/lbc")).resolve()
PAIRS = sorted(p.name.removesuffix(".old.lbconf") for p in (HERE / "diff").glob("*.old.lbconf"))


def lbc(*arguments):
    return subprocess.run([LBC, *arguments], cwd=HERE / "diff", capture_output=True, text=True, timeout=60)


def diff(pair, *options):
    return lbc("diff", f"{pair}.old.lbconf", f"{pair}.new.lbconf", *options)


@pytest.mark.parametrize("pair", PAIRS)
def test_diff_says(pair):
    r = diff(pair)
    expected = HERE / "diff" / f"{pair}.expected"
    if os.environ.get("LBC_UPDATE"):
        expected.write_text(r.stdout)
    assert r.returncode == 0 and r.stderr == ""
    assert r.stdout == expected.read_text()


def decided_at(path, request):
    """The line of the clause that `lbc explain` says decides it."""
    words = shlex.split(request)
    source = words.index("from")
    r = lbc("explain", path, " ".join(words[:source]), "--from", words[source + 1], *words[source + 2:], "--format=json")
    assert r.returncode == 0, r.stderr
    return r.stdout


@pytest.mark.parametrize("pair", PAIRS)
def test_json_says_the_same_and_each_witness_shows_it(pair):
    r = diff(pair, "--format=json")
    said = json.loads(r.stdout)
    assert set(said) == {"changes", "regions", "objects", "unknown", "partly", "equal"}
    human = diff(pair).stdout
    assert len(re.findall(r"^  +(listeners? |where |or else$)", human, re.M)) == len(said["regions"])
    for region in said["regions"]:
        assert region["request"] in human and region["when"] == " and ".join(region["conditions"])
        assert all(condition in human for condition in region["conditions"])
        assert 0 <= region["change"] < len(said["changes"]) and region["listener"] == region["listeners"][0]
        if region["part_of"] is not None:
            whole = said["regions"][region["part_of"]]
            assert whole["change"] == region["change"] and set(whole["conditions"]) <= set(region["conditions"])
        for side, path in (("before", "old"), ("after", "new")):
            assert f'"line":{region[side]["line"]}' in decided_at(f"{pair}.{path}.lbconf", region["request"]).replace(" ", "")
    assert (said["unknown"] > 0) == (pair == "template") and (said["partly"] > 0) == (pair in ("behind", "template"))
    assert sum(c["unknown"] for c in said["changes"]) == said["unknown"]


def test_expect_equal():
    assert diff("equal", "--expect-equal").returncode == 0
    assert diff("prefix", "--expect-equal").returncode == 1
    assert diff("several", "--expect-equal").returncode == 1
    assert lbc("diff", "prefix.old.lbconf").returncode == 2
    assert lbc("diff", "prefix.old.lbconf", "nowhere.lbconf").returncode == 3


def test_one_changed_prefix_is_one_region():
    said = json.loads(diff("prefix", "--format=json").stdout)
    assert [r["part_of"] for r in said["regions"]] == [None, 0] and len(said["changes"]) == 1
    assert said["regions"][0]["when"] == 'path under "/api" and not path under "/api/v1"'


SHOP = HERE.parent.parent / "examples/shop"


def shop_with(folder, old, new):
    """What `lbc diff` says of the shop and of a copy where the text is another."""
    shutil.copytree(SHOP, folder, dirs_exist_ok=True)
    text = (SHOP / "shop.lbconf").read_text()
    assert text.count(old) == 1
    (folder / "shop.lbconf").write_text(text.replace(old, new))
    r = lbc("diff", SHOP / "shop.lbconf", folder / "shop.lbconf", "--format=json")
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)


def whole(said):
    return [r["when"] for r in said["regions"] if r["part_of"] is None]


def test_one_changed_prefix_of_the_shop_is_the_two_prefixes(tmp_path):
    said = shop_with(tmp_path, 'path under "/press" ', 'path under "/media" ')
    hosts = 'host in { "shop.example.com", "www.example.com" }'
    assert whole(said) == [f'{hosts} and path under "/press"', f'{hosts} and path under "/media"']
    assert len(said["changes"]) == 1 and said["unknown"] == 0
    assert '"/press"' in said["changes"][0]["before"]["clause"] and '"/media"' in said["changes"][0]["after"]["clause"]
    for region in said["regions"]:
        for side, path in (("before", SHOP), ("after", tmp_path)):
            found = decided_at(path / "shop.lbconf", region["request"]).replace(" ", "")
            assert f'"line":{region[side]["line"]}' in found


def test_a_host_that_is_no_longer_led_to_a_route_is_one_region_with_parts(tmp_path):
    said = shop_with(tmp_path, '{ "shop.example.com", "www.example.com" }', '{ "shop.example.com" }')
    assert whole(said) == ['host in { "shop.example.com", "www.example.com" } and not host in { "shop.example.com" }']
    human = lbc("diff", SHOP / "shop.lbconf", tmp_path / "shop.lbconf").stdout
    assert human.count("    where ") == 8 and f"and {len(said['regions']) - 9} more parts of it, which --all tells" in human
    assert lbc("diff", "--all", SHOP / "shop.lbconf", tmp_path / "shop.lbconf").stdout.count("    where ") == len(said["regions"]) - 1


def test_what_a_rewritten_path_leads_to_is_told_beside_the_path_itself(tmp_path):
    said = shop_with(tmp_path, 'path under "/item"                               {', 'path under "/thing" {')
    assert [when.split(" and ", 1)[1] for when in whole(said)] == [
        'path under "/item"', r"path matches /^\/p[0-9]+$/", 'path under "/thing"']


def test_changes_of_different_headers_in_another_order_are_no_difference():
    assert diff("order", "--expect-equal").returncode == 0
    assert diff("reads", "--expect-equal").returncode == 1


def test_a_region_of_several_listeners_is_told_once():
    said = json.loads(diff("reads", "--format=json").stdout)
    assert [r["listeners"] for r in said["regions"]] == [["http", "tls-less"]] * 2


def test_clauses_of_connections_and_responses_are_shown():
    said = json.loads(diff("blocks", "--format=json").stdout)
    assert [(c["phase"], c["moved"]) for c in said["changes"]] == [("connect", False), ("response", True)]
    assert not said["equal"] and diff("blocks", "--expect-equal").returncode == 1


def test_a_prefix_that_moves_behind_a_rewritten_path_is_named_and_nothing_else():
    said = json.loads(diff("behind", "--format=json").stdout)
    assert [r["when"] for r in said["regions"]] == [
        f'host in {{ "www.example.com", "shop.example.com" }} and path under "/{prefix}"' for prefix in ("press", "media")]
    assert said["unknown"] == 0


def test_a_file_is_equal_to_itself_whatever_it_asks():
    for pair in PAIRS:
        r = lbc("diff", "--expect-equal", f"{pair}.old.lbconf", f"{pair}.old.lbconf")
        assert (r.returncode, r.stdout) == (0, "every request is treated alike; 0 object settings differ\n")
