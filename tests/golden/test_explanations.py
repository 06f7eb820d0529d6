"""grammar/explain: each diagnostic has its long explanation, and its examples are what they say they are."""
import json
import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LBC = pathlib.Path(os.environ.get("LBC", ROOT / "build/asan/lbc")).resolve()
FOLDER = ROOT / "grammar/explain"
CODES = re.findall(r"^DIAG\(\w+, *(\w+),", (ROOT / "grammar/diags.def").read_text(), re.M)

# What no text in a Markdown file can be, or none of a reasonable length.
CANNOT_BE_SHOWN = {"E0001", "E0002", "E0118", "E0512", "E1201", "E1202", "E1203", "W1201"}


def run(*arguments, **more):
    return subprocess.run([LBC, *arguments], capture_output=True, timeout=60, text=True, **more)


def block(text, heading):
    """The example below a heading: its marks, its text, and the files it needs."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section, f"there is no ## {heading}"
    blocks = re.findall(r"^```([^\n]*)\n(.*?)^```$", section[1], re.M | re.S)
    files = {mark.split()[2]: body for mark, body in blocks if mark.startswith("text file ")}
    examples = [(mark, body) for mark, body in blocks if not mark.startswith("text file ")]
    assert len(examples) == 1, f"one example below ## {heading}"
    return examples[0][0].split(), examples[0][1], files


def whole(text):
    """The example with what it leaves out."""
    has = lambda start: re.search(rf"^{start}\b", text, re.M)
    if re.match(r"\s*(when|if|otherwise)\b", text):
        text = "route site {\n" + text + ("" if has("otherwise") else "otherwise { forward web }\n") + "}\n"
    if not has("listener"):
        text += "listener front { bind 127.0.0.1:8080; route site }\n"
    if not re.search(r"^\s*route site\b.*\{", text, re.M):
        text += "route site { otherwise { forward web } }\n"
    if not has("cluster web"):
        used = re.search(r"\bforward web\b", text)
        text += "cluster web { server frame 127.0.0.1:9999 }\n" if used else ""
    return text if has("lbconf") else "lbconf 1\n" + text


def said(example, folder):
    marks, text, files = example
    variables = dict(v.split("=", 1) for v in marks if "=" in v)
    for path, body in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(body)
    name = "a.yaml" if marks[0] == "yaml" else "a.lbconf"
    (folder / name).write_text(text if "whole" in marks or marks[0] == "yaml" else whole(text))
    options = [m for m in marks if m.startswith("--")]
    r = run("check", "--format=json", *options, name, cwd=folder, env={"PATH": os.environ["PATH"], **variables})
    reports = [json.loads(line) for line in r.stdout.splitlines()]
    return reports, (folder / name).read_text()


def but_served(reports, code):
    """Without what is only said because this version does not serve everything it checks."""
    return [r for r in reports if r["code"] != "W0101" or code == "W0101"]


def test_no_file_without_a_code():
    assert {p.stem for p in FOLDER.glob("*.md")} - {"README"} <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_its_examples_are_right(code, tmp_path):
    path = FOLDER / f"{code}.md"
    assert path.exists(), f"grammar/explain/{code}.md is missing; grammar/explain/README.md says how to write it"
    text = path.read_text()
    assert len(text.split("## Wrong")[0].split()) >= 20, "an explanation explains"
    wrong, right = block(text, "Wrong"), block(text, "Right")
    reports, tried = said(right, tmp_path)
    assert but_served(reports, code) == [], f"{tried}\n{reports}"
    if wrong[0] == ["text"]:
        assert code in CANNOT_BE_SHOWN
        return
    reports, tried = said(wrong, tmp_path)
    assert [r["code"] for r in but_served(reports, code)] == [code], f"{tried}\n{reports}"


def test_all_are_listed():
    r = run("explain", "--list")
    assert r.returncode == 0
    assert [line.split()[0] for line in r.stdout.splitlines()] == CODES


@pytest.mark.parametrize("code", CODES)
def test_it_is_printed(code):
    human = run("explain", code.lower())
    j = json.loads(run("explain", code, "--format=json").stdout)
    assert human.returncode == 0 and human.stderr == ""
    assert human.stdout.startswith(f"{j['severity']}[{code}]: {j['message']}\n")
    assert j["markdown"] == (FOLDER / f"{code}.md").read_text()
    for part in ("about", "wrong", "right"):
        assert j[part]
        assert " ".join(j[part].split()) in " ".join(human.stdout.split())
    assert "```" not in human.stdout and "%" not in j["message"]
    assert all(len(line) <= 80 for line in human.stdout.split("\nWrong\n")[0].splitlines()[2:])


@pytest.mark.parametrize("arguments, code, says", [
    (["explain", "E0299"], 2, "there is no diagnostic E0299"),
    (["explain", "E0201", "x"], 2, "no request"),
    (["explain", "--list", "x"], 2, "--list"),
    (["explain", "E0201", "--format=xml"], 2, "--format is human or json"),
])
def test_misuse(arguments, code, says):
    r = run(*arguments)
    assert (r.returncode, says in r.stderr) == (code, True), r.stderr
