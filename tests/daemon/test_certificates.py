"""Two real daemons that prove themselves by certificates and keys, through reloads."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.deadline import until
from lab.gateways import TwoGateways, two_gateways
from lab.isakmpd import Isakmpd
from lab.pki import Authority, public_key

pytestmark = [pytest.mark.namespaces, pytest.mark.root]

EXAMPLES = Path(__file__).parents[2] / "examples" / "certificates"
SIDES = ("west", "east")
OTHER = {"west": "east", "east": "west"}


@pytest.fixture
def lab() -> Iterator[TwoGateways]:
    """Two hosts on a wire."""
    with two_gateways(hosts=False) as made:
        yield made


@pytest.fixture
def authority(lab: TwoGateways) -> Authority:
    """A CA that has made a certificate for each side."""
    made = Authority(lab.folder / "pki")
    for side in SIDES:
        made.issue(side, f"DNS:{side}.example")
    return made


def daemons(lab: TwoGateways) -> list[Isakmpd]:
    """Configure both by the examples; they carry nothing."""
    namespaces = {"west": lab.west, "east": lab.east}
    return [
        Isakmpd(namespaces[side], lab.folder, (EXAMPLES / f"{side}.conf").read_text(), ("-K", "-n"))
        for side in SIDES
    ]


def put(file: Path, daemon: Isakmpd, place: str) -> None:
    """Copy a file to its place beside a daemon's configuration."""
    path = daemon.folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, path)
    path.chmod(0o600)


def test_the_example_and_a_revocation(lab: TwoGateways, authority: Authority) -> None:
    """What is revoked ends when the list is read, and does not come back."""
    west, east = daemons(lab)
    for daemon, side in ((west, "west"), (east, "east")):
        put(authority.certificate, daemon, "ca/ca.crt")
        put(authority.folder / f"{side}.crt", daemon, f"certs/{side}.crt")
        put(authority.folder / f"{side}.key", daemon, "private/local.key")
    (west.folder / "certs" / "broken.crt").write_text("rubbish")
    with east, west:
        west.wait_tunnel("west-east")
        assert "certs/broken.crt: not a usable X.509 certificate" in west.log()
        put(authority.revoke(), west, "crls/ca.crl")
        west.command("R")
        west.wait_log("the configuration is read anew")
        assert "is revoked" not in west.log()
        put(authority.revoke(authority.folder / "east.crt"), west, "crls/ca.crl")
        west.command("R")
        sentence = "certificate C=SE, O=Example, CN=east is revoked by C=SE, O=Example, CN=Test CA"
        west.wait_log(sentence)
        told = west.log().count(sentence)
        east.wait_log("the peer deleted")
        west.command("c west-east")
        until(lambda: west.log().count(sentence) > told, 20, "another refusal")


def test_bare_keys(lab: TwoGateways, authority: Authority) -> None:
    """Each holds the other's public key, under its name, and no certificate at all."""
    west, east = daemons(lab)
    for daemon, side in ((west, "west"), (east, "east")):
        put(authority.folder / f"{side}.key", daemon, f"private/{side}.example")
        stored = daemon.folder / "pubkeys" / "fqdn"
        stored.mkdir(parents=True)
        key = authority.folder / f"{OTHER[side]}.key"
        (stored / f"{OTHER[side]}.example").write_bytes(public_key(key))
    with east, west:
        west.wait_tunnel("west-east")
        west.command("r")
        report = west.folder / "isakmpd.report"
        until(
            lambda: (
                report.exists()
                and f"RSA_SIG, the peer is proved by {west.folder}/pubkeys/fqdn/east.example"
                in report.read_text()
            ),
            10,
            "the report to name the key",
        )
