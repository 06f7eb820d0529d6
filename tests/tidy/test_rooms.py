"""Every folder that holds something of its own says what it is, on a page."""
import pathlib

import style
import tree

# Folders of inputs and outputs, which the folder above explains.
DATA = ("fuzz/corpus", "tests/unit", "tests/golden", "tests/wire")


def rooms():
    folders = {path.parent for path in tree.files(".c", ".y", ".re", ".py", ".def", ".lbconf")}
    return sorted(folder for folder in folders
                  if folder != pathlib.PurePosixPath(".") and not str(folder).startswith(DATA))


def test_every_room_has_a_readme():
    tree.report(f"{room}/README.md is missing" for room in rooms()
                if not (tree.ROOT / room / "README.md").is_file())


def test_a_readme_is_at_most_a_page():
    tree.report(f"{path}: {count} lines, more than {style.README_LINES_MAX}"
                for path in tree.files(".md") if path.name == "README.md" and len(path.parts) > 1
                and (count := tree.text(path).count("\n")) > style.README_LINES_MAX)
