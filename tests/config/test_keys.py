"""Keys that stand in sections named after who proves them."""

from __future__ import annotations

import pytest

from isakmpd.config.read import parse
from tests.config.sample import Sections, configured, merged, sole_problem, written

KEY = {"Authentication": "t0psecret"}
DEFAULT_PEER: Sections = {
    "Phase 1": {"Default": "anyone"},
    "anyone": {"Phase": "1", "Configuration": "main"},
}


@pytest.mark.parametrize(
    ("section", "identity"),
    [
        ("192.0.2.77", "192.0.2.77"),
        ("2001:DB8:0::0077", "2001:db8::77"),
        ("gw.example.org", "gw.example.org"),
        ("GW.Example.org", "GW.Example.org"),
        ("road_warrior", "road_warrior"),
        ("ann@example.org", "ann@example.org"),
        ("ann.o'hara+vpn@example.org", "ann.o'hara+vpn@example.org"),
    ],
)
def test_a_key_by_identity(section: str, identity: str) -> None:
    """An address is known in any spelling; a name is the name the peer spells, case and all."""
    configuration = configured({section: KEY})
    assert configuration.problems == ()
    assert configuration.unused == ()
    assert {name: key.reveal() for name, key in configuration.keys_by_id.items()} == {
        identity: b"t0psecret"
    }


@pytest.mark.parametrize(
    ("sections", "why"),
    [
        ({"a b": KEY}, "blanks"),
        ({"a/b": KEY}, "a slash"),
        ({"@example.org": KEY}, "no user"),
        ({"ann@": KEY}, "no host"),
        ({"gw.example.org": {"Authenticaton": "t0psecret"}}, "no key"),
        ({"gw.example.org": {**KEY, "Address": "192.0.2.7"}}, "a peer's"),
        ({"gw.example.org": {**KEY, "Configuration": "main"}}, "a peer's"),
    ],
)
def test_what_is_no_key_by_identity(sections: Sections, why: str) -> None:
    """Other sections stay what they are, and nothing they hold is shown."""
    configuration = configured(sections)
    assert configuration.keys_by_id == {}, why
    assert any("nothing uses section" in note.text for note in configuration.unused)
    assert "t0psecret" not in str(configuration)


def test_a_peers_own_section_is_no_identity() -> None:
    """What [Phase 1] or a connection names is a peer, even with nothing but a key."""
    generated = {"Default-phase-1-configuration": {"Transforms": "AES-SHA-GRP14"}}
    configuration = configured(generated, {"Phase 1": {"192.0.2.9": "bare"}, "bare": KEY})
    assert configuration.keys_by_id == {}
    assert set(configuration.peers) >= {"peer", "bare"}
    configuration = configured(generated, {"conn": {"ISAKMP-peer": "Bare"}, "bare": KEY})
    assert configuration.keys_by_id == {}
    configuration = configured(generated, {"Default-phase-1": KEY})
    assert configuration.keys_by_id == {}
    assert configuration.default_peer == "Default-phase-1"


def test_a_bad_key_is_told_without_it() -> None:
    """The key is left out, and nothing else."""
    configuration = configured({"192.0.2.77": {"Authentication": "0xt0psecret"}})
    assert configuration.keys_by_id == {}
    assert sole_problem(configuration) == (
        "[192.0.2.77]:Authentication= <hidden>: expected only hex digits after 0x, to the end of "
        "the line;"
        " key [192.0.2.77] is left out"
    )
    assert set(configuration.peers) == {"peer"}


def test_one_address_spelled_twice() -> None:
    """The first section counts, which is said of the second."""
    text = written(
        merged({"2001:db8::7": {"Authentication": "a"}, "2001:DB8:0::7": {"Authentication": "b"}})
    )
    configuration = parse(text, "f")
    assert configuration.keys_by_id["2001:db8::7"].reveal() == b"a"
    assert sole_problem(configuration) == (
        "[2001:DB8:0::7]: another section holds the key of 2001:db8::7; this one is ignored"
    )


@pytest.mark.parametrize(
    ("layers", "complete"),
    [
        ((DEFAULT_PEER,), False),
        ((DEFAULT_PEER, {"gw.example.org": KEY}), True),
        (({"peer": {"Authentication": None}},), False),
        (({"peer": {"Authentication": None}}, {"gw.example.org": KEY}), False),
        (({"peer": {"Authentication": None}}, {"192.0.2.2": KEY}), True),
        (({"peer": {"Authentication": None}, "main": {"EXCHANGE_TYPE": "AGGRESSIVE"}},), False),
        (
            (
                {"peer": {"Authentication": None}, "main": {"EXCHANGE_TYPE": "AGGRESSIVE"}},
                {"gw.example.org": KEY, "Phase 2": {"Connections": None}},
            ),
            True,
        ),
    ],
)
def test_whose_key_may_stand_elsewhere(layers: tuple[Sections, ...], complete: bool) -> None:
    """Main mode finds a key by address, aggressive mode by whatever identity comes first."""
    configuration = configured(*layers)
    if complete:
        assert configuration.problems == ()
    else:
        assert "Authentication is missing: expected the pre-shared key" in sole_problem(
            configuration
        )


def test_who_begins_needs_the_key_of_the_address() -> None:
    """A key by identity cannot serve an exchange that this end begins."""
    configuration = configured(
        {"peer": {"Authentication": None}, "main": {"EXCHANGE_TYPE": "AGGRESSIVE"}},
        {"gw.example.org": KEY},
    )
    assert "the peer has no Authentication, so that the connection can only answer" in (
        sole_problem(configuration)
    )
    connection = configuration.connections["conn"]
    assert (connection.listed, connection.always_up, connection.passive) == (True, False, True)
