"""The PKI directories are read: what is usable is used, and what is not has a line of its own."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from isakmpd.config.bindings import Bindings
from isakmpd.config.model import Configuration
from isakmpd.config.read import read
from isakmpd.daemon.opener import OWN_FILES, DaemonFiles
from isakmpd.daemon.pki_files import load_keyring, signs
from isakmpd.pki.keyring import EMPTY, Keyring
from isakmpd.privsep.inprocess import InProcess
from isakmpd.privsep.requests import ListDirectory, OpenFile
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod, IdType
from lab.pki import Authority, public_key

CONF = """\
[Phase 1]
192.0.2.2= east
[east]
Phase= 1
Address= 192.0.2.2
Configuration= mode
[mode]
EXCHANGE_TYPE= ID_PROT
Transforms= AES-SHA-GRP14-RSA_SIG
"""
RSA = [AuthenticationMethod.RSA_SIG]
WEST = Identity.of_name(IdType.FQDN, "west.example")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One CA, and a certificate of it."""
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.issue("west", "DNS:west.example")
    return made


@pytest.fixture
def directory(tmp_path: Path, authority: Authority) -> Path:
    """Beside a configuration file, everything that west needs."""
    for name in ("ca", "certs", "crls", "private", "pubkeys"):
        (tmp_path / name).mkdir()
    (tmp_path / "ca" / "ca.crt").write_bytes(authority.certificate.read_bytes())
    certificate = authority.folder / "west.crt"
    (tmp_path / "certs" / "west.crt").write_bytes(certificate.read_bytes())
    key = tmp_path / "private" / "local.key"
    key.touch(0o600)
    key.write_bytes((authority.folder / "west.key").read_bytes())
    return tmp_path


def configured(directory: Path, text: str = CONF) -> Configuration:
    """Read a configuration that lies in a directory."""
    return read(Bindings.parse(text, str(directory / "isakmpd.conf"), str(directory)))


def loaded(directory: Path) -> tuple[Keyring, list[str]]:
    """Read the directories, and give what was said of them."""
    said: list[str] = []
    keyring = load_keyring(
        configured(directory),
        OWN_FILES,
        lambda path, reason: said.append(f"{Path(path).relative_to(directory)}: {reason}"),
    )
    return keyring, said


def test_everything_in_its_place(directory: Path) -> None:
    """Nothing is said, and west can prove itself."""
    keyring, said = loaded(directory)
    assert said == []
    assert len(keyring.authorities) == 1
    assert [str(one) for one in keyring.own(WEST, RSA).chain] == ["C=SE, O=Example, CN=west"]


def test_directories_that_are_not_there(tmp_path: Path) -> None:
    """Nobody needs all of them."""
    keyring, said = loaded(tmp_path)
    assert said == []
    assert (keyring.authorities, keyring.own_keys) == ((), ())


def test_what_is_broken_is_named_and_harms_nothing(directory: Path) -> None:
    """A line for each, which begins with its path."""
    (directory / "certs" / "broken.crt").write_text("rubbish")
    (directory / "ca" / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n")
    (directory / "crls" / "large.crl").write_bytes(bytes(2 << 20))
    (directory / "private" / "west.example").touch(0o644)
    (directory / "private" / "west.example").write_text("secret")
    keyring, said = loaded(directory)
    assert len(said) == 4
    large, *_ = [line for line in said if line.startswith("crls/large.crl: ")]
    assert large == "crls/large.crl: 2097152 octets, expected 1048576 at most"
    (unsafe,) = [line for line in said if line.startswith("private/west.example: ")]
    assert "has mode 0644 and may hold secrets" in unsafe
    assert unsafe.endswith("the key is not used")
    (broken,) = [line for line in said if line.startswith("certs/broken.crt: ")]
    assert broken == "certs/broken.crt: not a usable X.509 certificate: its DER cannot be read"
    assert keyring.own(WEST, RSA).chain


def test_what_is_passed_over(directory: Path) -> None:
    """Requests, hidden files, directories, and what cannot be read to an end."""
    (directory / "private" / "west.csr").write_text("-----BEGIN CERTIFICATE REQUEST-----\n")
    (directory / "certs" / ".hidden").write_text("rubbish")
    (directory / "certs" / "old").mkdir()
    os.mkfifo(directory / "certs" / "fifo")
    keyring, said = loaded(directory)
    assert said == []
    assert keyring.own(WEST, RSA).chain


def test_bare_keys_of_peers(directory: Path, authority: Authority) -> None:
    """By kind and name; an IPv6 address in any spelling, of which the shortest is named."""
    made = authority.issue("other")
    for place in ("fqdn/east.example", "ipv4/192.0.2.2", "ipv6/2001:DB8:0:0:0:0:0:2"):
        path = directory / "pubkeys" / place
        path.parent.mkdir()
        path.write_bytes(public_key(made.key))
    keyring, said = loaded(directory)
    assert said == [
        "pubkeys/ipv6/2001:DB8:0:0:0:0:0:2: taken as the key of 2001:db8::2, its shortest spelling"
    ]
    assert keyring.knows(Identity.of_name(IdType.FQDN, "east.example"))
    assert {str(one.identity) for one in keyring.raw_keys} == {
        *("east.example", "192.0.2.2", "2001:db8::2")
    }


def test_files_are_asked_for(directory: Path) -> None:
    """A process without rights gets them, and the lists of directories, from the other."""
    asked: list[Path] = []

    class Recorder(InProcess):
        def open_file(self, request: OpenFile) -> int:
            asked.append(request.path)
            return super().open_file(request)

        def list_directory(self, request: ListDirectory) -> tuple[str, ...]:
            asked.append(request.path)
            return super().list_directory(request)

    files = DaemonFiles(directory / "run", Recorder())
    said: list[str] = []
    load_keyring(configured(directory), files, lambda *line: said.append(": ".join(line)))
    assert said == []
    for name in ("ca", "certs", "crls", "private", "ca/ca.crt", "private/local.key"):
        assert directory / name in asked


def test_who_has_pre_shared_keys_reads_nothing(directory: Path) -> None:
    """Whatever lies there."""
    text = CONF.replace("-RSA_SIG", "") + "[192.0.2.2]\nAuthentication= x\n"
    configuration = configured(directory, text)
    assert not signs(configuration)
    assert load_keyring(configuration, OWN_FILES, lambda *line: pytest.fail(str(line))) is EMPTY
    assert signs(configured(directory))
    assert not signs(replace(configuration, peers={}))


def test_who_has_pre_shared_keys_loads_no_library() -> None:
    """They would cost a start 60 ms."""
    code = (
        "import sys, isakmpd.daemon.service\n"
        "print([m for m in ('OpenSSL', 'cryptography.x509') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
