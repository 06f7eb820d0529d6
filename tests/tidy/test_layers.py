"""A room includes only the rooms below it, and a library has one door."""
import tree
from layers import Layers

LAYERS = Layers(tree.text("tests/tidy/layers.txt"))


def test_the_rules_are_sound():
    tree.report(LAYERS.problems)


def test_includes_follow_the_arrows():
    tree.report(problem for path in tree.files(".c", ".h", ".y", ".re", ".def")
                for problem in LAYERS.of_file(path, tree.text(path)))


def test_cmake_has_the_same_arrows():
    tree.report(LAYERS.of_cmake(tree.text("CMakeLists.txt")))


def test_every_source_is_in_a_room():
    tree.report(f"{path}: its folder is in no room of layers.txt"
                for path in tree.files(".c", ".h", ".y", ".re") if not LAYERS.room_of(path))
