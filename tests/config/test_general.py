"""What [General] may say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.config.model import General
from isakmpd.config.read import parse
from isakmpd.wire.numbers import ExchangeType, Protocol
from tests.config.sample import (
    HAND_MADE_PHASE_1,
    HAND_MADE_SUITE,
    PLAIN,
    configured,
    merged,
    sole_problem,
    written,
)


def general(**tags: str) -> General:
    """Read tags of [General] that have no fault; an underscore stands for a hyphen."""
    lines = "".join(f"{tag.replace('_', '-')}= {value}\n" for tag, value in tags.items())
    configuration = parse(f"[General]\n{lines}", "f")
    assert configuration.problems == ()
    return configuration.general


def test_without_a_word() -> None:
    """Every tag has a default."""
    assert general() == General()


@pytest.mark.parametrize(
    ("tag", "value", "field", "expected"),
    [
        ("Retransmits", "5", "retransmits", 5),
        ("Exchange_max_time", "60", "exchange_max_time", 60),
        ("Check_interval", "10", "check_interval", 10),
        ("DPD_check_interval", "45", "dpd_check_interval", 45),
        ("NAT_T_Keepalive", "15", "nat_t_keepalive", 15),
        ("Delete_SAs", "no", "delete_sas", False),
        ("Delete_SAs", "Nope", "delete_sas", False),
        ("Delete_SAs", "yes", "delete_sas", True),
        ("Use_Keynote", "no", "use_keynote", False),
        ("Use_Keynote", "YES", "use_keynote", True),
        ("Use_Keynote", "yes, please", "use_keynote", True),
        ("IPsec_stack", "UserSpace", "ipsec_stack", "userspace"),
        ("IPsec_stack", "none", "ipsec_stack", "none"),
        ("Listen_on", "em0 , 192.0.2.1,::1", "listen_on", ("em0", "192.0.2.1", "::1")),
        ("Logverbose", "", "log_verbose", True),
        ("Renegotiate_on_HUP", "", "renegotiate_on_hup", True),
        ("Renegotiate_on_HUP", "no", "renegotiate_on_hup", True),  # what counts is the tag
        ("Acquire_Only", "", "acquire_only", True),
        ("Acquire_Only", "no", "acquire_only", True),  # what counts is the tag
        ("Loglevel", "A=10, 3=99", "log_levels", {"A": 10, "3": 99}),
    ],
)
def test_a_tag(tag: str, value: str, field: str, expected: object) -> None:
    """A tag sets what it is for."""
    assert getattr(general(**{tag: value}), field) == expected


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Retransmits= many", "[General]:Retransmits= many: expected a number from 0 to 100; 3 is"),
        ("Check-interval= 0", "expected a number from 1 to 86400; 60 is used"),
        ("DPD-check-interval= -1", "expected a number from 0 to 86400; 30 is used"),
        ("NAT-T-Keepalive= 0", "expected a number from 1 to 86400; 20 is used"),
        ("Exchange-max-time= expected", "expected a number from 1 to 86400; 120 is used"),
        ("IPsec-stack= kernel", "expected one of auto, xfrm, pfkey, userspace, none; auto is used"),
        ("IPsec-stack= xfmr", 'did you mean "xfrm"?; auto is used'),
        ("Loglevel= Negotiation=9", "[General]:Loglevel= Negotiation=9: expected class=level"),
        ("Loglevel= 3", "expected class=level"),
    ],
)
def test_a_tag_with_a_fault(line: str, words: str) -> None:
    """A wrong value is told and its default used."""
    configuration = parse(f"[General]\n{line}\n", "isakmpd.conf")
    (problem,) = configuration.problems
    assert str(problem).startswith("isakmpd.conf:2: ")
    assert words in problem.text
    assert configuration.general == General()


@pytest.mark.parametrize(
    ("tag", "value", "counts"),
    [("Use-Keynote", "true", "no"), ("Delete-SAs", "off", "yes"), ("Delete-SAs", "", "yes")],
)
def test_neither_yes_nor_no(tag: str, value: str, counts: str) -> None:
    """What is taken for which is as in the original, and said."""
    configuration = parse(f"[General]\n{tag}= {value}\n", "f")
    (warning,) = configuration.warnings
    assert str(warning) == (
        f"f:2: [General]:{tag}= {value}: expected yes or no; it counts as {counts}"
    )
    found = configuration.general
    assert (found.use_keynote if tag == "Use-Keynote" else found.delete_sas) is (counts == "yes")


def test_an_unknown_tag_is_told() -> None:
    """As unused, and as misspelt where it looks like one that is known."""
    text = "[General]\nLogverbose= 1\nRenegotiate-on-HUP= 1\nRetransmit= 4\nColour= red\n"
    configuration = parse(text, "f")
    assert [str(unused) for unused in configuration.unused] == [
        "f:4: nothing uses [General]:Retransmit",
        "f:5: nothing uses [General]:Colour",
    ]
    assert [str(warning) for warning in configuration.warnings] == [
        'f:4: nothing uses [General]:Retransmit; did you mean "Retransmits"?'
    ]


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("[Genral]\nRetransmits= 4\n", ['nothing uses section [Genral]; did you mean "General"?']),
        ("[Phase1]\nA= b\n", ['nothing uses section [Phase1]; did you mean "Phase 1"?']),
        ("[Phase-2]\nA= b\n", ['nothing uses section [Phase-2]; did you mean "Phase 2"?']),
        ("[Phase 1]\nA= b\n[Phase 2]\nA= b\n[Phase 3]\nA= b\n", []),
        ("[unused]\nA= b\n", []),
    ],
)
def test_a_misspelt_section_that_no_tag_names(text: str, warned: list[str]) -> None:
    """Nothing leads to it, so without a word all that it says would be lost."""
    assert [warning.text for warning in parse(text, "f").warnings] == warned


_EVERYTHING = merged(
    PLAIN,
    HAND_MADE_PHASE_1,
    HAND_MADE_SUITE,
    {
        "General": {"Retransmits": "3", "Renegotiate-on-HUP": "yes"},
        "peer": {"ID": "me", "Remote-ID": "me", "HMAC-block": "64", "Flags": "ikecfg"},
        "me": {"ID-type": "KEY_ID", "Name": "0x6d65"},
        "conn": {"Flags": "on-demand", "Without-SA": "clear", "Accept-any-suite": "yes"},
        "here": {"Protocol": "udp", "Port": "any"},
        "own-suite": {"Protocols": "own-esp,own-ah,own-ipcomp"},
        "own-ah": {"PROTOCOL_ID": "IPSEC_AH", "Transforms": "QM-AH-SHA-PFS-GRP14-XF"},
        "own-ipcomp": {"PROTOCOL_ID": "IPCOMP", "Transforms": "ipcomp-xf"},
        "ipcomp-xf": {"TRANSFORM_ID": "DEFLATE", "ENCAPSULATION_MODE": "TUNNEL"},
        "ann@example.org": {"Authentication": "s3cret"},
        "ipv4/192.0.2.2": {"Address": "10.9.0.7", "Network": "10.9.0.0", "Prefix": "24"},
    },
)
_PLACES = [(section, tag) for section, tags in _EVERYTHING.items() for tag in tags]
_WORDS = sorted({name for tags in _EVERYTHING.values() for name in (*tags, *tags.values())})
_VALUES = st.one_of(
    st.none(),
    st.text(st.characters(exclude_characters="\n\\")),
    st.lists(st.sampled_from([*_WORDS, *_EVERYTHING, "ANY", "0x", "1,2:3", "::1"])).map(",".join),
)


@pytest.mark.property
@given(st.dictionaries(st.sampled_from(_PLACES), _VALUES, max_size=4))
def test_no_value_is_too_strange(changes: dict[tuple[str, str], str | None]) -> None:
    """Whatever stands where, reading ends, and what it yields holds together."""
    layers = [{section: {tag: value}} for (section, tag), value in changes.items()]
    configuration = parse(written(merged(_EVERYTHING, *layers)), "f")
    for connection in configuration.connections.values():
        assert connection.peer in configuration.peers
        assert connection.suites
        for suite in connection.suites:
            assert all(protocol.transforms for protocol in suite.protocols)
            protecting = [each for each in suite.protocols if each.protocol is not Protocol.IPCOMP]
            assert {t.group for each in protecting for t in each.transforms} == {suite.group}
        assert not (connection.always_up and connection.on_demand)
        assert connection.listed or not (connection.always_up or connection.on_demand)
    for peer in configuration.peers.values():
        assert peer.transforms
        assert peer.pre_shared_key is not None or configuration.keys_by_id
        if peer.exchange_type is ExchangeType.AGGRESSIVE:
            assert len({transform.group for transform in peer.offered_transforms}) <= 1
    if not configuration.connections:
        assert configuration.problems or configuration.unused


@pytest.mark.parametrize("phase", [1, 2])
def test_a_default_lifetime_with_a_fault_is_blamed_where_it_stands(phase: int) -> None:
    """Not the generated section it fills, which no file has."""
    tag = f"Default-phase-{phase}-lifetime"
    configuration = configured({"General": {tag: "1h"}})
    assert f"[General]:{tag}= 1h: expected V or V,MIN:MAX" in sole_problem(configuration)
