import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from editor import Editor  # noqa: E402


@pytest.fixture
def editor():
    """An editor, whose server is shut and judged after the test."""
    one = Editor()
    yield one
    assert one.shut() == 0


SHOP = """lbconf 1
# 🦆 and é before everything
env   PORT  : port     = 8080
const SLOW  : duration = 90s
set   office : network = { 10.0.0.0/8, 192.168.0.0/16 }
acl   staff = src in office
cluster api {
  server a 10.0.0.1:8080
  timeout read SLOW
}
listener front {
  bind 127.0.0.1:PORT
  route shop
}
route shop {
  when path under "/a" and header "x-d" != "é🦆" and staff { forward api }
  when cookie "d" == "é🦆" and not staff and header "x-d" exists { set header "x-y" "{host}"; continue }
  otherwise { forward api }
}
"""


@pytest.fixture
def shop(editor):
    """The URI of a text without mistakes, with characters of one to four bytes."""
    return editor.open(SHOP)
