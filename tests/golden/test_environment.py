"""lbc check --env: what this machine has of what a configuration names."""
import json
import os
import pathlib
import socket
import subprocess

import pytest

LBC = pathlib.Path(os.environ.get("LBC", "build/asan/lbc")).resolve()
REST = "route r { otherwise { deny 404 } }\n"


def reports(folder, text, *arguments):
    (folder / "a.lbconf").write_text("lbconf 1\n" + text + REST)
    r = subprocess.run([LBC, "check", "--format=json", *arguments, "a.lbconf"], cwd=folder, capture_output=True, text=True)
    found = [json.loads(line) for line in r.stdout.splitlines()]
    found = [f for f in found if f["severity"] == "error"]
    assert r.returncode == (1 if found else 0), r.stderr
    return [(f["code"], f["message"]) for f in found]


def test_without_it_nothing_is_looked_at(tmp_path):
    text = 'listener l { bind 192.0.2.1:80 tls t; bind unix:/no/such/folder/s; route r }\ntls t { certificate "none.pem" }\n'
    assert reports(tmp_path, text) == []
    assert [c for c, _ in reports(tmp_path, text, "--env")] == ["E0901", "E0901", "E0902"]


def test_a_port_that_is_taken(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        text = f"listener l {{ bind 127.0.0.1:{s.getsockname()[1]}; route r }}\n"
        assert [(c, m.rpartition(": ")[2]) for c, m in reports(tmp_path, text, "--env")] == [("E0901", "Address already in use")]
    assert reports(tmp_path, text, "--env") == []


def test_a_path_is_left_as_it_was(tmp_path):
    text = f"listener l {{ bind unix:{tmp_path}/s; route r }}\n"
    assert reports(tmp_path, text, "--env") == []
    assert not (tmp_path / "s").exists()
    (tmp_path / "s").write_text("")
    assert [c for c, _ in reports(tmp_path, text, "--env")] == ["E0901"]


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pem")
    for name in "ab":
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=a",
                        "-keyout", f"{name}.key", "-out", f"{name}.crt"], cwd=folder, check=True, capture_output=True)
    for name, mode in [("both", 0o600), ("open", 0o640)]:
        (folder / f"{name}.pem").write_text((folder / "a.crt").read_text() + (folder / "a.key").read_text())
        (folder / f"{name}.pem").chmod(mode)
    (folder / "none.pem").write_text("hello\n")
    for name, first, last in [("old", "20200101000000Z", "20200201000000Z"), ("new", "20900101000000Z", "20900201000000Z")]:
        (folder / "db").write_text("")
        (folder / "ca.cnf").write_text("[ca]\ndefault_ca=c\n[c]\ndatabase=db\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
                                       "policy=p\n[p]\ncommonName=supplied\n")
        subprocess.run(f"openssl req -new -key a.key -subj /CN=a -out a.csr && openssl ca -batch -config ca.cnf -selfsign -keyfile a.key "
                       f"-in a.csr -create_serial -startdate {first} -enddate {last} -out {name}.crt", shell=True, cwd=folder, check=True,
                       capture_output=True)
    return folder


@pytest.mark.parametrize("operands, problem", [
    ('"a.crt" "a.key"', None),
    ('"both.pem"', None),
    ('"a.crt"', "it has no private key that can be read"),
    ('"a.crt" "none.pem"', "the file of its key has none that can be read"),
    ('"a.crt" "b.key"', "the private key is that of another certificate"),
    ('"open.pem"', "others than its owner may use the file of the key (mode 0640); chmod 600"),
    ('"old.crt" "a.key"', "it expired on 2020-02-01T00:00:00Z"),
    ('"new.crt" "a.key"', "it is not valid before 2090-01-01T00:00:00Z"),
    ('"none.pem"', "it has no certificate in PEM form"),
    ('"gone.pem"', "No such file or directory"),
])
def test_certificates(pem, operands, problem):
    text = f"listener l {{ bind 127.0.0.1:18080 tls t; route r }}\ntls t {{ certificate {operands} }}\n"
    assert [m.rpartition(": ")[2] for _, m in reports(pem, text, "--env")] == ([problem] if problem else [])
