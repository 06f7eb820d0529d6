"""The page's modules: what is pure in them is tried by Node, and what the page may hold is looked at here."""
import pathlib
import re
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
UI = HERE.parent.parent / "ui"


@pytest.mark.parametrize("name", sorted(p.name for p in HERE.glob("*.test.mjs")))
def test_modules(name):
    node = shutil.which("node")
    assert node, "Node is missing: ./dev setup installs it"
    done = subprocess.run([node, "--test", str(HERE / name)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_is_one_that_node_can_read():
    for path in UI.glob("*.js"):
        done = subprocess.run([shutil.which("node"), "--check", str(path)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


def test_nothing_stands_in_the_page_that_the_policy_forbids():
    page = (UI / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|https?:", page)


def test_whatever_is_asked_for_is_there():
    wanted = set(re.findall(r'(?:src|href)="([^"#]+)"', (UI / "index.html").read_text()))
    for path in UI.glob("*.js"):
        text = path.read_text()
        wanted |= set(re.findall(r"from '\./([^']+)'", text))
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), path.name
    assert wanted and all((UI / name).exists() for name in wanted)
    assert {p.name for p in UI.glob("*.js")} <= wanted | {"main.js"}, "a module that nobody uses"


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", ["light", "dark"])
def test_texts_can_be_read(palette):
    """WCAG AA: 4.5:1 for texts, 3:1 for what is drawn and for the edges of fields."""
    text = (UI / "style.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\}", text, re.S)[:2]
    colour = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light if palette == "light" else dark))
    for name in ("text", "muted", "accent", "good", "bad", "warn"):
        for under in ("ground", "surface", "raised"):
            assert contrast(colour[name], colour[under]) >= 4.5, (name, under)
    for name, under in (("accent", "accent-soft"), ("bad", "bad-soft"), ("warn", "warn-soft"), ("surface", "accent")):
        assert contrast(colour[name], colour[under]) >= 4.5, (name, under)
    for name in ("spark", "strong-line"):
        assert contrast(colour[name], colour["surface"]) >= 3, name
