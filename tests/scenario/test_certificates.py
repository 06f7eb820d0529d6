"""Certificates that change under traffic, and those that should not be served."""
import os
import shutil
import socket
import ssl

import pytest

from harness import Client, Lbc, free_port, wait_for
from harness.certificates import Authority


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    ca = Authority(tmp_path_factory.mktemp("pki"))
    for name in ["one", "two"]:
        ca.sign(name, "site.test")
    ca.sign("old", "site.test", first="20200101000000Z", last="20200201000000Z")
    ca.sign("rsa", "site.test", kind="rsa")
    return ca


@pytest.fixture
def site(tmp_path, pki):
    """One listener whose certificate is site.crt beside its configuration."""
    port = free_port()
    put(tmp_path, pki, "one")
    text = f"""lbconf 1
tls t {{ certificate "site.crt" "site.key" }}
listener front {{ bind 127.0.0.1:{port} tls t; route r }}
route r {{ otherwise {{ respond 200 "hello" }} }}
"""
    lbc = Lbc(tmp_path, text, workers=2)
    lbc.port, lbc.text, lbc.folder = port, text, tmp_path
    yield lbc
    lbc.stop()


def put(folder, pki, name, key=None):
    """As whoever renews certificates does it: beside, then over."""
    for ending, source in [("crt", name), ("key", key or name)]:
        shutil.copy(pki.folder / f"{source}.{ending}", folder / "new")
        (folder / "new").chmod(0o600)
        os.replace(folder / "new", folder / f"site.{ending}")


class Secure(Client):
    def __init__(self, port, pki):
        super().__init__(port)
        context = ssl.create_default_context(cafile=str(pki.file))
        self.socket = context.wrap_socket(self.socket, server_hostname="site.test")
        self.file = self.socket.makefile("rb")

    def shown(self):
        return dict(p for part in self.socket.getpeercert()["subject"] for p in part)["commonName"]


def shown(site, pki):
    with Secure(site.port, pki) as c:
        return c.shown()


def test_a_new_certificate_is_for_new_connections_and_old_ones_go_on(site, pki):
    with Secure(site.port, pki) as old:
        assert (old.shown(), old.get().status) == ("one", 200)
        put(site.folder, pki, "two")
        assert shown(site, pki) == "one", "until it is told to look"
        site.reload()
        assert shown(site, pki) == "two"
        for _ in range(20):
            assert old.get().body == b"hello"


def test_certificates_are_read_anew_and_no_configuration(site, pki):
    site.file.write_text("somebody is writing")
    said = site.ctl("reload", "certificates")
    assert "1 certificate is as it was\n" in said and "is read anew" not in said and "error" not in said
    put(site.folder, pki, "two")
    with Secure(site.port, pki) as old:
        said = site.ctl("reload", "certificates")
        assert "certificate site.test is read anew: " in said and "site.crt, valid until 20" in said
        assert "0 certificates are as they were\n" in said
        assert (old.shown(), shown(site, pki)) == ("one", "two")
        assert old.get().body == b"hello"
    put(site.folder, pki, "one", key="two")  # one of them does not fit: all stays
    done = site.ctl("reload", "certificates", check=False)
    assert done.returncode != 0 and "nothing was changed" in done.stdout + done.stderr
    assert shown(site, pki) == "two"
    site.file.write_text(site.text)
    put(site.folder, pki, "one")
    site.ctl("reload", "confirm", "300s")
    assert "is on trial" in site.ctl("reload", "certificates", check=False).stderr


def test_a_certificate_more_is_for_whoever_asks_for_it(site, pki):
    before = site.file.read_text()
    pki.sign("more", "more.test")
    for ending in ("crt", "key"):
        shutil.copy(pki.folder / f"more.{ending}", site.folder / f"more.{ending}")
    (site.folder / "more.key").chmod(0o600)

    def names():
        return [c["name"] for c in site.show("certificates")]
    sentence = ["add", "tls:t", "certificate", '"more.crt"', '"more.key"']
    site.ctl("change", *sentence, "because", "of more.test")
    assert names() == ["site.test", "more.test"] and site.file.read_text() == before
    assert [d["why"] for d in site.show("drift")] == ["of more.test"]
    site.ctl("undo", "1")
    assert names() == ["site.test"]
    site.ctl("commit", *sentence)
    assert names() == ["site.test", "more.test"]
    assert site.file.read_text() == before.replace('"site.key" }', '"site.key"; certificate "more.crt" "more.key" }')


def test_a_handshake_that_began_before_ends_as_it_began(site, pki):
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as raw:
        inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = ssl.create_default_context(cafile=str(pki.file)).wrap_bio(inside, outside, server_hostname="site.test")
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        hello = outside.read()
        raw.sendall(hello[:100])
        wait_for(lambda: site.show("info")["metrics"]["connections_open"] == 1, "it is accepted")
        put(site.folder, pki, "two")
        site.reload()
        raw.sendall(hello[100:])
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(outside.read())
                inside.write(raw.recv(65536))
        assert dict(p for part in tls.getpeercert()["subject"] for p in part)["commonName"] == "one"


def spoil(site, pki, how):
    if how == "gone":
        (site.folder / "site.crt").unlink()
    elif how == "no certificate":
        (site.folder / "site.crt").write_text("hello\n")
    elif how == "another's key":
        put(site.folder, pki, "two", key="rsa")
    elif how == "open":
        (site.folder / "site.key").chmod(0o644)


@pytest.mark.parametrize("how, reason", [
    ("gone", "site.crt: No such file or directory"), ("no certificate", "site.crt: it has no certificate in PEM form"),
    ("another's key", "site.crt: the private key is that of another certificate"),
    ("open", "site.key: others than its owner may use the file of the key (mode 0644)")])
def test_what_can_not_be_served_is_refused_and_the_old_goes_on(site, pki, how, reason):
    spoil(site, pki, how)
    r = site.ctl("reload", check=False)
    assert r.returncode != 0 and f"lbc.lbconf:2: tls t: {site.folder}/{reason}" in r.stdout + r.stderr
    assert shown(site, pki) == "one"
    put(site.folder, pki, "two")
    site.reload()
    assert shown(site, pki) == "two"


def test_an_expired_certificate_is_served_and_spoken_of(site, pki):
    put(site.folder, pki, "old")
    said = site.reload()
    wait_for(lambda: "site.crt has expired: 2020-02-01T00:00:00Z" in site.said(), "it is in the log")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        shown(site, pki)
    assert "generation 2" in said
    [certificate] = site.show("certificates")
    assert certificate["expires_in_s"] < 0 and "expired" in site.ctl("show", "certificates")


def test_what_is_shown_of_certificates(site, pki):
    [c] = site.show("certificates")
    assert (c["name"], c["names"], c["file"]) == ("site.test", 1, f"{site.folder}/site.crt")
    assert 9 * 86400 < c["expires_in_s"] <= 10 * 86400
    info = site.show("info")
    assert info["certificates"] == 1 and abs(info["certificate_expires_in_s"] - c["expires_in_s"]) <= 5
    assert "site.test" in site.ctl("show", "certificates") and "certificates 1" in site.ctl("show", "info")


def test_it_does_not_start_with_what_can_not_be_served(tmp_path, pki):
    text = f"""lbconf 1
tls t {{ certificate "gone.crt"; certificate "site.crt" "site.key" }}
tls u {{ certificate "site.crt" "site.key"; ciphers "NO-SUCH-CIPHER" }}
listener front {{ bind 127.0.0.1:{free_port()} tls t; bind 127.0.0.1:{free_port()} tls u; route r }}
route r {{ otherwise {{ respond 200 "hello" }} }}
"""
    put(tmp_path, pki, "one")
    with pytest.raises(AssertionError) as e:
        Lbc(tmp_path, text)
    said = str(e.value)
    assert "lbc.lbconf:2: tls t:" in said and "gone.crt: No such file or directory" in said
    assert "lbc.lbconf:3: tls u: its ciphers are not all known: NO-SUCH-CIPHER" in said, "all of it at once"
