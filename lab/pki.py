"""Certificates for the lab, made with the openssl tool as an operator would."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_NEW_KEY = {
    "rsa": ("-newkey", "rsa:2048"),
    "P-256": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "P-384": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"),
    "P-521": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"),
}
_CA_EXTENSIONS = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"


def openssl(*words: str | Path, folder: Path) -> None:
    """Run openssl in a folder; raises CalledProcessError."""
    subprocess.run(("openssl", *map(str, words)), cwd=folder, check=True, capture_output=True)


@dataclass(frozen=True, slots=True)
class Pair:
    """Hold the files of a key and of its certificate."""

    key: Path
    certificate: Path


class Authority:
    """A CA that issues and revokes certificates; ``above`` has signed its own."""

    def __init__(
        self, folder: Path, name: str = "Test CA", above: "Authority | None" = None
    ) -> None:
        """Make its key and certificate in a folder of its own."""
        self.folder = folder
        self.name = name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.txt").touch()
        (folder / "crlnumber").write_text("01\n")
        (folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca=this\n[this]\ndatabase=index.txt\ncrlnumber=crlnumber\n"
            "default_md=sha256\ncertificate=ca.crt\nprivate_key=ca.key\n"
            "new_certs_dir=.\nserial=serial\nrand_serial=yes\nunique_subject=no\npolicy=any\n"
            "[any]\ncountryName=optional\norganizationName=optional\ncommonName=supplied\n"
        )
        own = Pair(folder / "ca.key", folder / "ca.crt")
        if above is None:
            (folder / "ca.ext").write_text(
                "[req]\ndistinguished_name=dn\n[dn]\n[v3]\n" + _CA_EXTENSIONS
            )
            openssl(
                *("req", "-x509", "-nodes", *_NEW_KEY["rsa"], "-days", "3650"),
                *("-subj", f"/C=SE/O=Example/CN={name}", "-config", "ca.ext", "-extensions", "v3"),
                *("-keyout", own.key, "-out", own.certificate),
                folder=folder,
            )
        else:
            made = above.issue(name, extensions=_CA_EXTENSIONS)
            made.key.rename(own.key)
            made.certificate.rename(own.certificate)
        self.certificate = own.certificate
        self.key = own.key

    def issue(
        self,
        name: str,
        alternative: str = "",
        *,
        kind: str = "rsa",
        dates: tuple[str, ...] = ("-days", "30"),
        extensions: str = "",
    ) -> Pair:
        """Make a key and its certificate; ``alternative`` as in ``DNS:west,IP:10.0.0.1``."""
        stem = name.replace(" ", "-")
        pair = Pair(self.folder / f"{stem}.key", self.folder / f"{stem}.crt")
        text = extensions + (f"subjectAltName={alternative}\n" if alternative else "")
        (self.folder / "ext").write_text(text)
        openssl(
            *("req", "-new", "-nodes", *_NEW_KEY[kind], "-subj", f"/C=SE/O=Example/CN={name}"),
            *("-keyout", pair.key, "-out", "csr"),
            folder=self.folder,
        )
        openssl(
            *("ca", "-batch", "-notext", "-config", "ca.cnf", "-in", "csr", "-extfile", "ext"),
            *dates,
            *("-out", pair.certificate),
            folder=self.folder,
        )
        return pair

    def revoke(self, *certificates: Path) -> Path:
        """Revoke certificates and give the list of all that are."""
        for certificate in certificates:
            openssl("ca", "-config", "ca.cnf", "-revoke", certificate, folder=self.folder)
        out = self.folder / "ca.crl"
        openssl(
            *("ca", "-config", "ca.cnf", "-gencrl", "-crldays", "30", "-out", out),
            folder=self.folder,
        )
        return out


def public_key(key: Path) -> bytes:
    """Give the public half of a private key, PEM."""
    found = subprocess.run(
        ("openssl", "pkey", "-in", str(key), "-pubout"), check=True, capture_output=True
    )
    return found.stdout
