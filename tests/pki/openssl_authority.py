"""Make certificates and revocation lists of any kind, good and bad, with the openssl tool."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from isakmpd.pki.certificate import Certificate
from isakmpd.pki.revocation_list import RevocationList

AT = datetime(2026, 6, 15, tzinfo=UTC)  # when the tests judge
START, END = "20260101000000Z", "20270101000000Z"
ROOT, LEAF = "basicConstraints=critical,CA:TRUE", "basicConstraints=CA:FALSE"

_CONFIGURATION = """
[req]
distinguished_name = subject
string_mask = utf8only
[subject]
[ca]
default_ca = this
[this]
database = {directory}/index
serial = {directory}/serial
crlnumber = {directory}/crlnumber
new_certs_dir = {directory}
policy = any
unique_subject = no
copy_extensions = none
[any]
countryName = optional
organizationName = optional
commonName = optional
[lists]
authorityKeyIdentifier = keyid
"""


def openssl(*arguments: str | Path) -> bytes:
    """Run the tool; its own words are the failure's."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass(frozen=True)
class Workshop:
    """Keep keys, so that each is made once, and the authorities' books."""

    directory: Path

    def key(self, kind: str = "rsa:2048", owner: str = "") -> Path:
        """Give a private key such as rsa:2048, ec:prime256v1, dsa or ed25519; one per owner."""
        path = self.directory / f"{kind.replace(':', '-')}{owner}.key"
        if path.exists():
            return path
        algorithm, _, detail = kind.partition(":")
        if algorithm == "rsa":
            openssl("genrsa", "-out", path, detail)
        elif algorithm == "ec":
            openssl("ecparam", "-name", detail, "-genkey", "-noout", "-out", path)
        elif algorithm == "dsa":
            parameters = self.directory / "dsa.pem"
            openssl("dsaparam", "-out", parameters, "1024")
            openssl("gendsa", "-out", path, parameters)
        else:
            openssl("genpkey", "-algorithm", algorithm, "-out", path)
        return path

    def root(
        self, name: str, *extensions: str, key: str = "rsa:2048", md: str = "sha256"
    ) -> Authority:
        """Make an authority that signs for itself; without extensions one of X.509 version 1."""
        made = Authority(self, name, self.key(key, name), self._books(name))
        made.sign(made.subject, made.key, extensions, "root", md, START, END, "-selfsign")
        return made

    def _books(self, name: str) -> Path:
        directory = self.directory / name
        directory.mkdir()
        (directory / "index").touch()
        (directory / "serial").write_text("00\n")
        (directory / "crlnumber").write_text("01\n")
        (directory / "configuration").write_text(_CONFIGURATION.format(directory=directory))
        return directory


@dataclass(frozen=True)
class Authority:
    """Sign certificates and revocation lists."""

    workshop: Workshop
    name: str
    key: Path
    directory: Path

    @property
    def subject(self) -> str:
        return f"/C=SE/O=Example/CN={self.name}"

    @property
    def path(self) -> Path:
        return self.directory / "root.crt"

    @property
    def certificate(self) -> Certificate:
        return Certificate.of_file(self.path.read_bytes())[0]

    def issue(
        self,
        name: str,
        *extensions: str,
        key: str = "rsa:2048",
        md: str = "sha256",
        start: str = START,
        end: str = END,
    ) -> Certificate:
        """Issue a certificate for CN=name."""
        subject = f"/C=SE/O=Example/CN={name}"
        path = self.sign(subject, self.workshop.key(key), extensions, name, md, start, end)
        return Certificate.of_file(path.read_bytes())[0]

    def authority(self, name: str, *extensions: str, md: str = "sha256") -> Authority:
        """Issue an intermediate authority's certificate."""
        key = self.workshop.key("rsa:2048", name)
        made = Authority(self.workshop, name, key, self.workshop._books(name))
        path = self.sign(made.subject, key, extensions, name, md, START, END)
        made.path.write_bytes(path.read_bytes())
        return made

    def sign(
        self,
        subject: str,
        key: Path,
        extensions: tuple[str, ...],
        name: str,
        md: str,
        start: str,
        end: str,
        *more: str,
    ) -> Path:
        """Sign a request; give the path of the certificate, PEM."""
        configuration = self.directory / "configuration"
        request, made = self.directory / f"{name}.csr", self.directory / f"{name}.crt"
        openssl(
            *("req", "-new", "-utf8", "-config", configuration, "-key", key),
            *("-subj", subject, "-out", request),
        )
        wanted: tuple[str | Path, ...] = ()
        if extensions:
            extension_file = self.directory / f"{name}.ext"
            extension_file.write_text("\n".join(extensions) + "\n")
            wanted = ("-extfile", extension_file)
        openssl(
            *("ca", "-batch", "-notext", "-utf8", "-preserveDN", "-config", configuration),
            *("-keyfile", self.key, "-in", request, "-out", made, "-md", md),
            *("-startdate", start, "-enddate", end),
            *(more or ("-cert", self.path)),
            *wanted,
        )
        return made

    def revoke(self, name: str) -> None:
        """Revoke a certificate issued to CN=name."""
        openssl(
            *("ca", "-config", self.directory / "configuration", "-keyfile", self.key),
            *("-cert", self.path, "-md", "sha256", "-revoke", self.directory / f"{name}.crt"),
        )

    def revocation_list(
        self,
        path: str = "crls/ca.crl",
        *,
        start: str = START,
        end: str = END,
        identified: bool = False,
        md: str = "sha256",
    ) -> RevocationList:
        """Sign a list of what is revoked; with authorityKeyIdentifier if `identified`."""
        made = self.directory / "list.crl"
        openssl(
            *("ca", "-gencrl", "-config", self.directory / "configuration", "-md", md),
            *("-keyfile", self.key, "-cert", self.path, "-out", made),
            *("-crl_lastupdate", start, "-crl_nextupdate", end),
            *(("-crlexts", "lists") if identified else ()),
        )
        return RevocationList.of_file(made.read_bytes(), path)
