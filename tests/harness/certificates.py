"""Certificates for tests: an authority of our own and what it signs, made by openssl."""
import subprocess


def openssl(*arguments, cwd, **more):
    return subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, check=True, capture_output=True, **more)


class Authority:
    """Signs, in a folder of its own. A certificate NAME is NAME.crt and NAME.key there."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self.file = folder / f"{name}.crt"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
                "-subj", f"/CN=authority {name}", "-keyout", f"{name}.key", "-out", self.file, cwd=folder)

    def sign(self, name, *hosts, kind="ec", subject=None, first=None, last=None):
        """Returns the operands of `certificate` for it."""
        kinds = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "ec384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
                 "rsa": ["rsa:2048"]}
        self.request(name, hosts, kinds[kind], subject or f"/CN={name}")
        if first or last:
            self.sign_for(name, first, last)
        else:
            openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.crt", "-CAkey", f"{self.name}.key",
                    "-CAcreateserial", "-days", 10, "-extfile", f"{name}.ext", "-out", f"{name}.crt", cwd=self.folder)
        return f'"{self.folder}/{name}.crt" "{self.folder}/{name}.key"'

    def request(self, name, hosts, kind, subject):
        names = ",".join(f"IP:{h}" if h.replace(".", "").isdigit() else f"DNS:{h}" for h in hosts)
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={names}\n" if hosts else "basicConstraints=CA:FALSE\n")
        openssl("req", "-new", "-newkey", *kind, "-nodes", "-subj", subject, "-keyout", f"{name}.key",
                "-out", f"{name}.csr", cwd=self.folder)

    def sign_for(self, name, first, last):
        """Between two dates of one's choice, which `openssl x509` can't."""
        (self.folder / "db").write_text("")
        (self.folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca=c\n[c]\ndatabase=db\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
            "policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n")
        openssl("ca", "-batch", "-config", "ca.cnf", "-cert", f"{self.name}.crt", "-keyfile", f"{self.name}.key",
                "-in", f"{name}.csr", "-create_serial", "-startdate", first, "-enddate", last, "-extfile", f"{name}.ext",
                "-out", f"{name}.crt", cwd=self.folder)

    def staple(self, name):
        """NAME.crt.ocsp, in which the authority says that the certificate is good."""
        serial = openssl("x509", "-in", f"{name}.crt", "-noout", "-serial", cwd=self.folder).stdout.decode().split("=")[1].strip()
        (self.folder / "index").write_text(f"V\t401231235959Z\t\t{serial}\tunknown\t/CN={name}\n")
        openssl("ocsp", "-issuer", f"{self.name}.crt", "-cert", f"{name}.crt", "-reqout", "request.der", cwd=self.folder)
        openssl("ocsp", "-index", "index", "-CA", f"{self.name}.crt", "-rsigner", f"{self.name}.crt", "-rkey",
                f"{self.name}.key", "-reqin", "request.der", "-respout", f"{name}.crt.ocsp", "-ndays", 5, cwd=self.folder)
