"""Gateways that sign, over a link that loses: they meet, agree, repeat, and part when told to."""

from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from isakmpd.crypto.signature_keys import PrivateKey, private_key
from isakmpd.pki.keyring import Keyring, OwnKey, StoredKey
from isakmpd.simulation.agreement import disagreements
from isakmpd.simulation.gateways import ADDRESSES, HOSTS, gateway
from isakmpd.simulation.link import FAIR, Weather
from isakmpd.simulation.world import World
from isakmpd.wire.identities import Identity

pytestmark = pytest.mark.simulation

BAD = Weather(loss=0.2, duplication=0.1, delay=0.05, jitter=0.1)
SIGNED = """\
[signed]
ENCRYPTION_ALGORITHM= AES_CBC
KEY_LENGTH= 128
HASH_ALGORITHM= SHA
GROUP_DESCRIPTION= ECP_256
AUTHENTICATION_METHOD= ECDSA_256
Life= LIFE_MAIN_MODE
"""
OTHER = {"west": "east", "east": "west"}


@cache
def key_of(side: str) -> PrivateKey:
    """Derive a key that is the same in each run."""
    key = ec.derive_private_key(int.from_bytes(side.encode()), ec.SECP256R1())
    return private_key(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def keyring(side: str, *, stranger: bool = False) -> Keyring:
    """Hold our key and the peer's public one, or a stranger's in its place."""
    other = OTHER[side]
    theirs = key_of("stranger" if stranger else other).public
    stored = StoredKey(Identity.of_address(ADDRESSES[other]), theirs, f"pubkeys/ipv4/{other}")
    return Keyring(raw_keys=(stored,), own_keys=(OwnKey(None, key_of(side), "local.key"),))


def meeting(seed: str, mode: str, weather: Weather = FAIR, *, stranger: bool = False) -> World:
    """Start both gateways; with ``stranger`` west expects another's key."""
    world = World(seed, weather)
    tags = {"exchange": mode, "transforms": "signed", "more": SIGNED, "phase_1": "300"}
    for side in ("west", "east"):
        world.add(
            side,
            ADDRESSES[side],
            gateway(side, tags, always_up=True),
            host=HOSTS[side],
            keyring=keyring(side, stranger=stranger and side == "west"),
        )
    return world


@pytest.mark.parametrize("mode", ["ID_PROT", "AGGRESSIVE"])
@pytest.mark.parametrize("seed", range(12))
def test_they_agree_whatever_the_link_loses(seed: int, mode: str) -> None:
    """Through half an hour of renewals."""
    world = meeting(f"signatures/{seed}", mode, BAD)
    world.run(1800)
    world.link.weather = FAIR
    world.run(2200)
    west, east = world.nodes["west"], world.nodes["east"]
    assert disagreements(west, east) == []
    assert west.engine.up == east.engine.up == 1
    assert not [line for node in (west, east) for line in node.log if "internal" in line.text]


def test_the_same_seed_repeats_every_octet() -> None:
    """No signature holds randomness of its own."""
    digests = set()
    for _ in range(2):
        world = meeting("same", "ID_PROT", BAD)
        world.run(600)
        digests.add(world.wire_digest)
    assert len(digests) == 1


def test_another_key_is_told_at_both_ends() -> None:
    """And nothing comes up."""
    world = meeting("stranger", "ID_PROT", stranger=True)
    world.run(60)
    west, east = (" ".join(line.text for line in world.nodes[side].log) for side in OTHER)
    assert "is wrong: none of the EC P-256 key of pubkeys/ipv4/east" in west
    assert "INVALID_SIGNATURE" in east
    assert world.nodes["west"].engine.up == 0


def test_a_key_that_is_taken_away_ends_the_tunnel() -> None:
    """As a reload without its file does."""
    world = meeting("gone", "ID_PROT")
    world.run(60)
    west = world.nodes["west"]
    assert west.engine.up == 1
    west.keyring = Keyring(own_keys=west.keyring.own_keys)
    west.engine.take_keyring(west.keyring, world.now)
    west.settle()
    world.run(70)
    assert west.engine.up == 0
    assert "no longer in pubkeys/ipv4/east" in " ".join(line.text for line in west.log)
