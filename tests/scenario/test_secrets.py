"""Secrets: read when a configuration is loaded, never said, and what can't be had refuses it."""
import os
import signal
import subprocess

import pytest

from harness import LBC, Lbc, Origin, free_port, get, wait_for

VALUE = "correct-horse-battery-staple"


@pytest.fixture
def site(start):
    class Site:
        def __init__(self):
            self.origin, self.port = start(Origin), free_port()

        def text(self, secret):
            return (f"lbconf 1\nsecret lb-key from {secret}\n"
                    f"cluster app {{ server a 127.0.0.1:{self.origin.port} }}\n"
                    f"listener front {{ bind 127.0.0.1:{self.port}; route site }}\n"
                    f"route site {{ otherwise {{ forward app }} }}\n")

        def run(self, secret, **env):
            return start(Lbc, self.text(secret), env=env, port=self.port)
    return Site()


def test_a_variable_that_is_not_set_refuses_the_start_and_no_check(site, tmp_path):
    file = tmp_path / "site.lbconf"
    file.write_text(site.text('env "LB_KEY"'))
    env = {k: v for k, v in os.environ.items() if k != "LB_KEY"}
    ran = subprocess.run([LBC, "run", str(file), "--socket", "off"], env=env, capture_output=True, text=True,
                         timeout=60)
    assert ran.returncode == 1
    assert f"{file}:2: secret lb-key: the variable LB_KEY is not set" in ran.stderr
    checked = subprocess.run([LBC, "check", str(file)], env=env, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_reload_reads_them_again_and_is_refused_without(site, tmp_path):
    key = tmp_path / "key"
    key.write_text(VALUE + "\n")
    key.chmod(0o600)
    lbc = site.run('file "key"')  # beside the configuration
    key.write_text("\n")
    refusal = lbc.ctl("reload", check=False)
    assert refusal.returncode == 1
    assert f"lbc.lbconf:2: secret lb-key: the file {key} is empty" in refusal.stderr
    assert get(site.port).status == 200
    key.write_text(VALUE)
    key.chmod(0o644)
    assert "everybody" in lbc.ctl("reload")
    assert f"secret lb-key: the file {key} can be read or written by everybody" in lbc.said()
    key.unlink()
    lbc.signal(signal.SIGHUP)
    wait_for(lambda: f"secret lb-key: {key}: No such file or directory" in lbc.said(), "the log says why")


def test_the_value_is_in_nothing_that_is_said(site, tmp_path):
    lbc = site.run('env "LB_KEY"', LB_KEY=VALUE)
    get(site.port)
    said = [lbc.ctl("reload"), lbc.said(), *(lbc.ctl("show", what, "--json") for what in ("info", "generations"))]
    for command in (["check", "--stats"], ["dump"], ["dump", "--table"], ["diff", str(lbc.file)]):
        done = subprocess.run([LBC, *command, str(lbc.file)], env={**os.environ, "LB_KEY": VALUE},
                              capture_output=True, text=True, timeout=60)
        said += [done.stdout, done.stderr]
    assert any('secret lb-key from env "LB_KEY"' in s for s in said), "the dump says where it is"
    assert not any(VALUE in s for s in said)
