"""Every folder that holds something of its own says what it is, on a page."""
import style
import tree
from layers import Layers

LAYERS = Layers(tree.text("tests/tidy/layers.txt"))


def room_of(path):
    """A room of layers.txt, or a folder of tests/, or one of the top level. tests/unit mirrors the
    rooms, and needs no words of its own."""
    if path.parts[:2] == ("tests", "unit"):
        return None
    room = LAYERS.room_of(path)
    if room and room != "tests":
        return room
    return "/".join(path.parts[:-1][:2 if path.parts[0] == "tests" else 1])


def rooms():
    sources = tree.files(".c", ".h", ".y", ".re", ".py", ".def", ".lbconf")
    return sorted({room for path in sources if len(path.parts) > 1 and (room := room_of(path))})


def test_every_room_has_a_readme():
    tree.report(f"{room}/README.md is missing" for room in rooms()
                if not (tree.ROOT / room / "README.md").is_file())


def test_a_readme_is_at_most_a_page():
    tree.report(f"{path}: {count} lines, more than {style.README_LINES_MAX}"
                for path in tree.files(".md") if path.name == "README.md" and len(path.parts) > 1
                and (count := tree.text(path).count("\n")) > style.README_LINES_MAX)
