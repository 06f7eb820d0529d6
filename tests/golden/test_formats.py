"""--format sarif and github: what other programs read, and only if it is exactly what they expect."""
import json
import os
import pathlib
import re
import subprocess
import urllib.parse

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LBC = pathlib.Path(os.environ.get("LBC", ROOT / "build/asan/lbc")).resolve()
FILES = sorted([*(HERE / "check").glob("*.lbconf"), *(HERE / "check").glob("*.latin1")])
ENVIRONMENT = {"PATH": os.environ["PATH"], "GOLDEN_PORT": "80x"}


def check(form, *paths, folder=HERE / "check", code=None):
    r = subprocess.run([LBC, "check", f"--format={form}", *paths], cwd=folder, capture_output=True, env=ENVIRONMENT, timeout=60)
    assert r.stderr == b""
    assert code is None or r.returncode == code
    return r.stdout.decode()


def objects(*paths, **more):
    return [json.loads(line) for line in check("json", *paths, **more).splitlines()]


def keys(value, required, optional=()):
    assert set(required) <= set(value) <= {*required, *optional}, value


def message(value):
    keys(value, ["text"])
    assert value["text"]


def region(value):
    keys(value, ["startLine", "startColumn", "endLine", "endColumn"])
    assert all(type(n) is int and n >= 1 for n in value.values())
    assert (value["startLine"], value["startColumn"]) <= (value["endLine"], value["endColumn"])


def artifact(value):
    keys(value, ["uri"])
    assert re.fullmatch(r"(?:file://)?(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})+", value["uri"])


def location(value):
    keys(value, ["physicalLocation"], ["id", "message"])
    keys(value["physicalLocation"], ["artifactLocation", "region"])
    artifact(value["physicalLocation"]["artifactLocation"])
    region(value["physicalLocation"]["region"])


def result(value, rules):
    keys(value, ["ruleId", "ruleIndex", "level", "message", "locations"], ["relatedLocations", "fixes"])
    assert rules[value["ruleIndex"]]["id"] == value["ruleId"]
    assert value["level"] in ("error", "warning")
    message(value["message"])
    assert len(value["locations"]) == 1
    location(value["locations"][0])
    for i, related in enumerate(value.get("relatedLocations", [])):
        location(related)
        message(related["message"])
        assert related["id"] == i
    for fix in value.get("fixes", []):
        keys(fix, ["description", "artifactChanges"])
        message(fix["description"])
        for change in fix["artifactChanges"]:
            keys(change, ["artifactLocation", "replacements"])
            artifact(change["artifactLocation"])
            for replacement in change["replacements"]:
                keys(replacement, ["deletedRegion", "insertedContent"])
                region(replacement["deletedRegion"])
                keys(replacement["insertedContent"], ["text"])


def sarif(*paths, **more):
    """The log, once it is known to have the form of SARIF 2.1.0 as far as we write it."""
    log = json.loads(check("sarif", *paths, **more))
    keys(log, ["$schema", "version", "runs"])
    assert log["version"] == "2.1.0" and len(log["runs"]) == 1
    keys(log["runs"][0], ["tool", "columnKind", "results"])
    assert log["runs"][0]["columnKind"] == "utf16CodeUnits"
    driver = log["runs"][0]["tool"]["driver"]
    keys(driver, ["name", "version", "rules"])
    for rule in driver["rules"]:
        keys(rule, ["id", "shortDescription", "fullDescription", "help", "defaultConfiguration"])
        assert rule["help"]["markdown"] == (ROOT / f"grammar/explain/{rule['id']}.md").read_text()
        assert rule["help"]["text"] and rule["shortDescription"]["text"] and rule["fullDescription"]["text"]
    assert len({r["id"] for r in driver["rules"]}) == len(driver["rules"])
    for r in log["runs"][0]["results"]:
        result(r, driver["rules"])
    return log["runs"][0]["results"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_sarif_says_the_same(path):
    results, reports = sarif(path.name), objects(path.name)
    assert [(r["ruleId"], r["level"]) for r in results] == [(r["code"], r["severity"]) for r in reports]
    for sarif_result, report in zip(results, reports):
        assert sarif_result["message"]["text"].startswith(report["message"])
        primary = next(s for s in report["spans"] if s["primary"])
        place = sarif_result["locations"][0]["physicalLocation"]
        assert urllib.parse.unquote(place["artifactLocation"]["uri"]) == primary["file"]
        assert place["region"]["startLine"] == primary["line"]
        assert len(sarif_result.get("relatedLocations", [])) == len(report["spans"]) - 1
        assert [c["artifactChanges"][0]["replacements"][0]["insertedContent"]["text"]
                for c in sarif_result.get("fixes", [])] == [f["replacement"] for f in report["fixes"]]


def test_sarif_counts_columns_in_utf16(tmp_path):
    line = 'when host == "\U0001f600" and pth == "/" { deny }'
    (tmp_path / "a b#%.lbconf").write_text("lbconf 1\nroute r {\n" + line + "\notherwise { deny 404 }\n}\n"
                                           "listener l { bind 127.0.0.1:1; route r }\n")
    results = sarif("a b#%.lbconf", folder=tmp_path)
    place = next(r for r in results if r["ruleId"] == "E0206")["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b%23%25.lbconf"
    units = line.encode("utf-16-le")
    assert units[2 * (place["region"]["startColumn"] - 1):2 * (place["region"]["endColumn"] - 1)].decode("utf-16-le") == "pth"


def test_several_files_are_one_log():
    names = ["four-mistakes.lbconf", "whole.lbconf", "w0201-unused.lbconf"]
    results = sarif(*names, code=1)
    alone = [r["ruleId"] for n in names for r in sarif(n)]
    assert [r["ruleId"] for r in results] == alone and len(alone) > 4
    assert len({r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in results}) == 2


COMMAND = re.compile(r"::(error|warning) file=([^,:\n]*),line=(\d+),endLine=(\d+)(?:,col=(\d+),endColumn=(\d+))?,title=(\w+)::(.*)")


def unescaped(text):
    return re.sub(r"%(25|0D|0A|3A|2C)", lambda m: chr(int(m[1], 16)), text)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_github_says_the_same(path):
    lines, reports = check("github", path.name).splitlines(), objects(path.name)
    assert len(lines) == len(reports)
    for line, report in zip(lines, reports):
        m = COMMAND.fullmatch(line)
        assert m, line
        primary = next(s for s in report["spans"] if s["primary"])
        assert (m[1], unescaped(m[2]), int(m[3]), m[7]) == (report["severity"], primary["file"], primary["line"], report["code"])
        assert m[5] is None or int(m[5]) == primary["column"]
        said = unescaped(m[8]).split("\n")
        assert said[0] == report["message"]
        assert [s.split(": ", 1)[1] for s in said[1:]] == \
            report["notes"][:len(said)] + [f["message"] for f in report["fixes"]] or sorted(
                s.split(": ", 1)[1] for s in said[1:]) == sorted(report["notes"] + [f["message"] for f in report["fixes"]])


def test_github_escapes(tmp_path):
    (tmp_path / "a,b:c%.lbconf").write_text('lbconf 1\nroute r { otherwise { deny 404 with "%\\n,:" } ; zzz%0A }\n')
    text = check("github", "a,b:c%.lbconf", folder=tmp_path, code=1)
    assert all("file=a%2Cb%3Ac%25.lbconf," in line for line in text.splitlines())
    assert "%0A" not in text.replace("%0Anote: ", "").replace("%0Ahelp: ", "").replace("%250A", "")
