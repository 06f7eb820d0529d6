"""BoringSSL's symbols stay inside: a shared OpenSSL in the same process keeps its own."""
import os
import subprocess

import pytest

import tree

LBC = os.environ.get("LBC", str(tree.ROOT / "build/asan/lbc"))
PREFIXES = ("SSL_", "CRYPTO_", "EVP_", "X509_", "BIO_", "RSA_", "EC_", "ERR_", "OPENSSL_", "bssl")


def test_no_symbol_of_boringssl_is_exported():
    if not os.path.exists(LBC):
        pytest.skip(f"{LBC} is not built")
    names = subprocess.run(["nm", "-D", "--defined-only", LBC], capture_output=True, text=True,
                           check=True).stdout.split()
    tree.report(f"{LBC} exports {name}" for name in names if name.startswith(PREFIXES))


def test_no_openssl_is_loaded():
    if not os.path.exists(LBC):
        pytest.skip(f"{LBC} is not built")
    loaded = subprocess.run(["ldd", LBC], capture_output=True, text=True, check=True).stdout
    tree.report(f"{LBC} loads {line.strip()}" for line in loaded.splitlines()
                if "libssl" in line or "libcrypto" in line)
