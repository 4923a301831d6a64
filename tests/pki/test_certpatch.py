"""certpatch, and the manual's recipe around it, with the OpenSSL tool (isakmpd(8))."""

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest

from isakmpd.cli.certpatch import main
from isakmpd.pki.certificate import Certificate
from isakmpd.pki.keyring import ProvenKey
from isakmpd.pki.keyring_files import Files, build
from isakmpd.pki.rules import Rules
from isakmpd.pki.untrusted import Untrusted
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod

CONFIGURATION = Path(__file__).parents[2] / "packaging" / "x509v3.cnf"
ANSWERS = "SE\n.\n.\nExample\n.\n{}\n.\n\n\n"  # the distinguished name, then no password

AUTHORITY = r"""
openssl genrsa -out /etc/ssl/private/ca.key 1024
openssl req -new -key /etc/ssl/private/ca.key \
 -out /etc/ssl/private/ca.csr < ca.dn
openssl x509 -req -days 365 -in /etc/ssl/private/ca.csr \
 -signkey /etc/ssl/private/ca.key \
 -extfile /etc/ssl/x509v3.cnf -extensions x509v3_CA \
 -out /etc/ssl/ca.crt
openssl genrsa -out /etc/isakmpd/private/local.key 1024
openssl req -new -key /etc/isakmpd/private/local.key \
 -out 10.0.0.1.csr < host.dn
cp 10.0.0.1.csr somehost.somedomain.csr
"""
PATCHED = r"""
openssl x509 -req -days 365 -in 10.0.0.1.csr -CA /etc/ssl/ca.crt \
 -CAkey /etc/ssl/private/ca.key -CAcreateserial \
 -out 10.0.0.1.crt
certpatch -i 10.0.0.1 -k /etc/ssl/private/ca.key \
 10.0.0.1.crt 10.0.0.1.crt
cp 10.0.0.1.crt somehost.somedomain.crt
certpatch -t fqdn -i somehost.somedomain \
 -k /etc/ssl/private/ca.key \
 somehost.somedomain.crt somehost.somedomain.crt
"""
EXTENDED = r"""
setenv CERTIP 10.0.0.1
openssl x509 -req -days 365 -in 10.0.0.1.csr -CA /etc/ssl/ca.crt \
 -CAkey /etc/ssl/private/ca.key -CAcreateserial \
 -extfile /etc/ssl/x509v3.cnf -extensions x509v3_IPAddr \
 -out 10.0.0.1.crt
setenv CERTFQDN somehost.somedomain
openssl x509 -req -days 365 -in somehost.somedomain.csr \
 -CA /etc/ssl/ca.crt -CAkey /etc/ssl/private/ca.key \
 -CAcreateserial \
 -extfile /etc/ssl/x509v3.cnf -extensions x509v3_FQDN \
 -out somehost.somedomain.crt
"""


REVOKED = """
touch /etc/ssl/index.txt
echo 01 > /etc/ssl/crlnumber
openssl ca -config /etc/ssl/x509v3.cnf -name x509v3_CRL \\
 -cert /etc/ssl/ca.crt -keyfile /etc/ssl/private/ca.key \\
 -revoke 10.0.0.1.crt
openssl ca -config /etc/ssl/x509v3.cnf -name x509v3_CRL \\
 -cert /etc/ssl/ca.crt -keyfile /etc/ssl/private/ca.key \\
 -gencrl -out /etc/ssl/ca.crl
"""


def follow(where: Path, shell: str, recipe: str) -> None:
    """Carry a recipe out, in this directory instead of /etc."""
    for name in ("ssl/private", "isakmpd/private", "bin"):
        (where / name).mkdir(parents=True)
    text = CONFIGURATION.read_text().replace("/etc/", f"{where}/")
    (where / "ssl" / "x509v3.cnf").write_text(text)
    command = where / "bin" / "certpatch"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m isakmpd.cli.certpatch "$@"\n')
    command.chmod(0o755)
    for name in ("ca", "host"):
        (where / f"{name}.dn").write_text(ANSWERS.format(name))
    if shell == "sh":
        recipe = re.sub(r"setenv (\w+) (\S+)", r"export \1=\2", recipe)
    program = shutil.which(shell)
    assert program, f"{shell} is missing: scripts/system-packages test"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CERT")}
    environment["PATH"] = f"{where}/bin:{environment['PATH']}"
    done = subprocess.run(
        [program, "-e"] if shell == "sh" else [program, "-f", "-e"],
        input=recipe.replace("/etc/", f"{where}/"),
        capture_output=True,
        text=True,
        check=False,
        cwd=where,
        env=environment,
    )
    assert done.returncode == 0, done.stderr


def openssl(*words: str | Path) -> str:
    """Give what the tool says."""
    return subprocess.run(["openssl", *words], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("shell", ["csh", "sh"])
@pytest.mark.parametrize("ending", [PATCHED, EXTENDED], ids=["certpatch", "x509v3.cnf"])
def test_the_recipe_of_the_manual(tmp_path: Path, shell: str, ending: str) -> None:
    """It ends in certificates that verify and carry the identities."""
    follow(tmp_path, shell, AUTHORITY + ending + REVOKED)
    for name in ("10.0.0.1", "somehost.somedomain"):
        made = tmp_path / f"{name}.crt"
        openssl("verify", "-auth_level", "0", "-CAfile", tmp_path / "ssl/ca.crt", made)
        (certificate,) = Certificate.of_pem(made.read_bytes())
        assert any(name in str(each) for each in certificate.identities)
    listed = openssl("crl", "-in", tmp_path / "ssl/ca.crl", "-noout", "-text")
    assert "Revoked Certificates:" in listed


def test_the_result_takes_a_tag(tmp_path: Path) -> None:
    """Keys of 1024 bits are refused, which names the tag, and accepted with it."""
    follow(tmp_path, "sh", AUTHORITY + EXTENDED)
    (certificate,) = Certificate.of_pem((tmp_path / "10.0.0.1.crt").read_bytes())
    authority = ("ca.crt", (tmp_path / "ssl/ca.crt").read_bytes())
    identity = Identity.of_address(ip_address("10.0.0.1"))
    now = datetime.now(UTC)

    def judged(rules: Rules) -> ProvenKey:
        keyring, problems = build(Files(authorities=(authority,)), rules)
        assert problems == ()
        method = AuthenticationMethod.RSA_SIG
        return keyring.prove(identity, method, [certificate], [], now)

    with pytest.raises(Untrusted, match=r"1024 bits.*\[X509-certificates\]:Allow-weak= yes"):
        judged(Rules())
    assert judged(Rules(allow_weak=True)).key.bits == 1024


def test_what_certpatch_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence each, and the certificate stays as it was."""
    follow(tmp_path, "sh", AUTHORITY + PATCHED)
    made, key = tmp_path / "10.0.0.1.crt", tmp_path / "ssl/private/ca.key"
    before = made.read_bytes()
    for kind, identity, by, reason in (
        ("ip", "west", key, "'west' is not an IPv4 or IPv6 address"),
        ("fqdn", "a@b", key, "'a@b' is not a host name"),
        ("ufqdn", "west", key, "'west' is not user@host"),
        ("ip", "::1", tmp_path / "isakmpd/private/local.key", "not signed by this CA key"),
        ("ip", "::1", made, "the CA's key cannot be used"),
        ("ip", "::1", tmp_path / "none", "No such file"),
    ):
        assert main(["-t", kind, "-i", identity, "-k", str(by), str(made), str(made)]) == 1
        said = capsys.readouterr().err
        assert reason in said
        assert said.count("\n") == 1
        assert made.read_bytes() == before
    assert main(["-i", "::1", "-k", str(key), str(key), str(made)]) == 1
    assert "the certificate cannot be used" in capsys.readouterr().err


def test_what_stays(tmp_path: Path) -> None:
    """All but the subjectAltName and the signature, as the tool prints it."""
    follow(tmp_path, "sh", AUTHORITY + EXTENDED)
    made, out = tmp_path / "10.0.0.1.crt", tmp_path / "out.crt"
    key = tmp_path / "ssl/private/ca.key"
    assert main(["-t", "ufqdn", "-i", "a@b.example", "-k", str(key), str(made), str(out)]) == 0
    fields = ("-serial", "-subject", "-issuer", "-dates", "-pubkey")
    before, after = (openssl("x509", "-in", each, "-noout", *fields) for each in (made, out))
    assert before == after
    text = openssl("x509", "-in", out, "-noout", "-text")
    assert "email:a@b.example" in text
    assert "10.0.0.1" not in text
    assert "CA:FALSE" in text
    assert "sha256WithRSAEncryption" in text
