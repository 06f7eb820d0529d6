"""The answer to a reload says what is treated otherwise from now on."""
import pytest

from harness import Lbc, free_port, get

SITE = """lbconf 1
cluster web {{ server a 127.0.0.1:{server}; timeout read {read} }}
listener front {{ bind 127.0.0.1:{port}; route site }}
route site {{
{rules}
  otherwise {{ forward web }}
}}
"""


@pytest.fixture
def site(start):
    server, port = free_port(), free_port()

    def text(*rules, read="5s"):
        return SITE.format(port=port, server=server, read=read, rules="\n".join(f"  {r}" for r in rules))
    lbc = start(Lbc, text('when path == "/admin" { deny 403 }'), port=port)
    lbc.text = text
    return lbc


def test_nothing_is_treated_otherwise(site):
    assert site.reload().endswith("; every request is treated alike\n")


def test_how_many_regions_and_the_riskiest_of_them(site):
    said = site.reload(site.text('when path == "/x" { set header "x" "1"; forward web }', 'when path == "/y" { deny 403 }'))
    lines = said[said.index("generation 2, in "):].splitlines()
    assert len(lines) == 5, said
    assert lines[0].endswith("; 3 regions of requests are treated otherwise")
    assert lines[1] == '  listener front: path == "/admin"'  # what was denied is let through
    assert lines[2].startswith("    GET http://example.com/admin from ")
    assert lines[3].startswith("    - deny 403") and "lbc.lbconf:5" in lines[3]
    assert lines[4].startswith("    + forward web")


def test_settings_are_counted(site):
    said = site.reload(site.text('when path == "/admin" { deny 403 }', read="7s"))
    assert said.endswith("; every request is treated alike; 1 object setting differs\n")


def test_changes_and_rollbacks_of_them_are_told(site):
    assert "1 region of requests is treated otherwise" in site.ctl(
        "change", "add", "site", "before", "1", 'when path == "/x" { deny 403 }')
    said = site.reload(site.text('when path == "/admin" { deny 403 }'))
    assert said.endswith("; every request is treated alike\n")  # the change is in both
    assert get(site.port, "/x").status == 403
    assert "1 region of requests is treated otherwise" in site.ctl("undo", "1")


def test_what_is_too_large_is_not_compared(site):
    many = [f'when path == "/{i}" {{ deny 403 }}' for i in range(2001)]
    assert "too large to say at once" in site.reload(site.text(*many))
    assert "too large to say at once" in site.reload(site.text())
    assert "every request is treated alike" in site.reload()


def test_canaries_and_trials_are_told_too(site):
    site.file.write_text(site.text())
    assert "1 region of requests is treated otherwise" in site.ctl("reload", "canary", "5%")
    site.ctl("revert")
    assert "1 region of requests is treated otherwise" in site.ctl("reload", "confirm", "60s")
