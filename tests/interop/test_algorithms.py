"""A tunnel with strongSwan for each of several combinations of algorithms, begun by either side."""

from collections.abc import Callable, Iterator

import pytest

from lab.gateways import EAST_HOST, INNER, WEST_HOST, TwoGateways, two_gateways
from lab.isakmpd import Isakmpd
from lab.ping import PATTERN, ping
from lab.proof import prove_encrypted
from lab.strongswan import StrongSwan
from lab.traffic import Kind
from tests.interop.configurations import CONNECTION, Algorithms, Gateway, strongswan

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]

COMBINATIONS = (
    Algorithms(
        "AES-128-SHA-GRP2",
        "QM-ESP-AES-128-SHA-PFS-GRP2-SUITE",
        "aes128-sha1-modp1024",
        "aes128-sha1-modp1024",
    ),
    Algorithms(
        "AES-256-SHA2-256-GRP14",
        "QM-ESP-AESGCM-256-SUITE",
        "aes256-sha256-modp2048",
        "aes256gcm16",
    ),
    Algorithms(
        "3DES-MD5-GRP5",
        "QM-ESP-3DES-MD5-PFS-GRP5-SUITE",
        "3des-md5-modp1536",
        "3des-md5-modp1536",
    ),
    Algorithms(
        "AES-192-SHA2-512-GRP16",
        "QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE",
        "aes192-sha512-modp4096",
        "aes256-sha256-modp2048",
    ),
    Algorithms(
        "AES-256-SHA2-384-GRP15",
        "QM-ESP-AES-192-SHA2-512-PFS-GRP15-SUITE",
        "aes256-sha384-modp3072",
        "aes192-sha512-modp3072",
    ),
    Algorithms(
        "3DES-SHA-GRP1",
        "QM-ESP-AESGCM-128-PFS-GRP1-SUITE",
        "3des-sha1-modp768",
        "aes128gcm16-modp768",
    ),
)


@pytest.fixture(scope="module")
def lab() -> Iterator[TwoGateways]:
    """Two gateways, ours in the west, strongSwan's in the east."""
    with two_gateways() as gateways:
        yield gateways


@pytest.mark.parametrize("beginner", ["isakmpd", "strongSwan"])
@pytest.mark.parametrize("algorithms", COMBINATIONS, ids=str)
def test_a_tunnel_carries_pings_both_ways(
    lab: TwoGateways,
    algorithms: Algorithms,
    beginner: str,
    record_property: Callable[[str, object], None],
) -> None:
    """Whoever begins, both ends agree on SAs, pings cross both ways, and the wire shows only ESP.

    charon's userspace ESP pretends to be behind a NAT, so that ESP travels in UDP.
    """
    ours = Gateway(algorithms=algorithms, begins=beginner == "isakmpd")
    charon = StrongSwan(lab.east, lab.folder)
    charon.configure(strongswan(algorithms))
    with charon, lab.capture() as wire, Isakmpd(lab.west, lab.folder, str(ours)) as isakmpd:
        if beginner == "strongSwan":
            charon.initiate(CONNECTION)
        shown = isakmpd.wait_tunnel(CONNECTION)
        (child,) = charon.wait_children(1)
        there = ping(lab.west_host, EAST_HOST, lab.folder, count=4, interval=0.05)
        back = ping(lab.east_host, WEST_HOST, lab.folder, count=4, interval=0.05)
    assert (there.received, back.received) == (4, 4)
    assert f"SPI 0: {child['spi-in']} " in shown
    assert f"SPI 1: {child['spi-out']} " in shown
    proof = prove_encrypted(wire.packets, inner=INNER, pattern=PATTERN, sent=8, received=8)
    record_property("result", proof)
    assert proof.kinds[Kind.ESP_IN_UDP] >= 16
