"""--check looks at certificates and keys, as they are on a day."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from isakmpd.config.bindings import Bindings
from isakmpd.config.read import read
from isakmpd.daemon.findings import Severity, Subject
from isakmpd.daemon.options import Options
from isakmpd.daemon.pki_checks import certificates_at
from lab.pki import Authority, public_key

CONF = """\
[Phase 1]
{awaited}= east
[east]
Phase= 1
{address}
Configuration= mode
{identities}
[west-id]
ID-type= FQDN
Name= west.example
[east-id]
ID-type= FQDN
Name= east.example
[mode]
EXCHANGE_TYPE= ID_PROT
Transforms= AES-SHA-GRP14-RSA_SIG
"""
BOTH = "ID= west-id\nRemote-ID= east-id"
TODAY = datetime(2026, 6, 15, tzinfo=UTC)
YEAR = ("-startdate", "20260101000000Z", "-enddate", "20270101000000Z")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One CA, and a certificate of it for a year."""
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.issue("west", "DNS:west.example", dates=YEAR)
    return made


@pytest.fixture
def directory(tmp_path: Path, authority: Authority) -> Path:
    """Everything that west needs."""
    copies = {"ca/ca.crt": "ca.crt", "certs/west.crt": "west.crt", "private/local.key": "west.key"}
    for place, name in copies.items():
        path = tmp_path / place
        path.parent.mkdir()
        path.touch(0o600)
        path.write_bytes((authority.folder / name).read_bytes())
    return tmp_path


def told(
    directory: Path, identities: str = BOTH, *, at: datetime = TODAY, default: bool = False
) -> list[str]:
    """Check, and give what was found without the directory."""
    file = directory / "isakmpd.conf"
    text = CONF.format(
        awaited="Default" if default else "192.0.2.2",
        address="" if default else "Address= 192.0.2.2",
        identities=identities,
    )
    bindings = Bindings.parse(text, str(file), str(directory))
    subject = Subject(Options(), file, True, bindings, read(bindings))
    found = list(certificates_at(subject, at))
    assert {one.severity for one in found} <= {Severity.WARNING}
    return [str(one.problem).replace(f"{directory}/", "") for one in found]


def test_nothing_is_wrong(directory: Path) -> None:
    """A certificate for our ID, its key, and an authority."""
    assert told(directory) == []


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (datetime(2027, 2, 1, tzinfo=UTC), "expired 2027-01-01"),
        (datetime(2026, 12, 10, tzinfo=UTC), "expires 2027-01-01"),
        (datetime(2025, 12, 10, tzinfo=UTC), "is not valid before 2026-01-01"),
    ],
)
def test_dates(directory: Path, at: datetime, words: str) -> None:
    """A month ahead, too."""
    (line,) = told(directory, at=at)
    assert line == (
        f"isakmpd.conf:6: [east]:ID: our certificate C=SE, O=Example, CN=west {words}"
    ) or line.endswith(words)


def test_no_key(directory: Path) -> None:
    """The peer whose ID cannot be proved is named."""
    (directory / "private" / "local.key").unlink()
    (line,) = told(directory)
    assert line.endswith("there is no private key to prove our ID fqdn/west.example with")
    (line,) = told(directory, "Remote-ID= east-id")
    assert line.endswith("[east]:ID: there is no private key of ours")


def test_no_certificate(directory: Path) -> None:
    """The bare key will do for who has its other half."""
    (directory / "certs" / "west.crt").unlink()
    (line,) = told(directory)
    assert line.endswith(
        "[east]:ID: a raw key proves us: no certificate in certs/ carries our ID fqdn/west.example"
    )


def test_nothing_proves_the_peer(directory: Path, authority: Authority) -> None:
    """No authority and no key; a bare key is enough."""
    (directory / "ca" / "ca.crt").unlink()
    (line,) = told(directory)
    assert line.endswith(
        "[east]: nothing can prove east.example: ca/ has no authority, and neither certs/ nor "
        "pubkeys/ has a key for it"
    )
    stored = directory / "pubkeys" / "fqdn"
    stored.mkdir(parents=True)
    (stored / "east.example").write_bytes(public_key(authority.issue("other").key))
    assert told(directory) == []


def test_a_peer_that_nobody_names(directory: Path) -> None:
    """It has to prove what is stored; Remote-ID-any opens it."""
    (directory / "certs" / "west.crt").unlink()
    lines = told(directory, "ID= west-id", default=True)
    assert any("without Address and Remote-ID" in line for line in lines)
    lines = told(directory, "ID= west-id\nRemote-ID-any= yes", default=True)
    assert not any("without Address and Remote-ID" in line for line in lines)


def test_files(directory: Path, authority: Authority) -> None:
    """A broken one, and a list that has seen its day."""
    (directory / "certs" / "broken.crt").write_text("rubbish")
    crls = directory / "crls"
    crls.mkdir()
    (crls / "ca.crl").write_bytes(authority.revoke().read_bytes())
    lines = told(directory, at=datetime(2036, 1, 1, tzinfo=UTC))
    assert any(line.startswith("certs/broken.crt: not a usable X.509") for line in lines)
    assert any(line.startswith("crls/ca.crl: it is out of date") for line in lines)
