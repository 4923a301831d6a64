"""FIFO commands: what each line means, and the log line about one that means nothing."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.config.bindings import (
    AddElement,
    RemoveElement,
    RemoveSection,
    RemoveTag,
    SetValue,
)
from isakmpd.control.commands import (
    BadCommand,
    ChangeConfiguration,
    Command,
    CommandStream,
    Connect,
    DeleteSa,
    GetValue,
    Reinitialize,
    Report,
    SetLogLevel,
    SetMode,
    ShowSas,
    Shutdown,
    StartCapture,
    StopCapture,
    Teardown,
    TeardownAll,
    ToggleLogLevels,
    parse,
)

COOKIES = "96b2a551d44107336cc69aad8c05915f"
INITIATOR_COOKIE = bytes.fromhex(COOKIES[:16])
RESPONDER_COOKIE = bytes.fromhex(COOKIES[16:])

MEANINGS: list[tuple[str, Command]] = [
    ("c west-east", Connect("west-east")),
    ("c  west-east \r", Connect("west-east")),
    ("t west-east", Teardown("west-east", 2)),
    ("t quick west-east", Teardown("west-east", 2)),
    ("t main peer-east", Teardown("peer-east", 1)),
    ("t main", Teardown("main", 2)),
    ("T", TeardownAll()),
    ("S", ShowSas()),
    ("Q", Shutdown()),
    ("R", Reinitialize()),
    ("r", Report()),
    ("p on", StartCapture(None)),
    ("p on=/tmp/ike.pcap", StartCapture("/tmp/ike.pcap")),
    ("p off", StopCapture()),
    ("D 8 50", SetLogLevel(8, 50)),
    ("D 15 3", SetLogLevel(15, 3)),
    ("D 8 -1", SetLogLevel(8, -1)),
    ("D A 90", SetLogLevel("A", 90)),
    ("D T", ToggleLogLevels()),
    (f"d {COOKIES} cbe680a8", DeleteSa(INITIATOR_COOKIE, RESPONDER_COOKIE, 0xCBE680A8)),
    (f"d {COOKIES} -", DeleteSa(INITIATOR_COOKIE, RESPONDER_COOKIE, None)),
    ("d 1 2", DeleteSa(bytes(8), bytes(7) + b"\x01", 2)),
    ("M active", SetMode(True)),
    ("M passive", SetMode(False)),
    (
        "C set [General]:Retransmits=5",
        ChangeConfiguration(SetValue("General", "Retransmits", "5")),
    ),
    (
        "C set [General]:Retransmits= 5 force",
        ChangeConfiguration(SetValue("General", "Retransmits", "5", force=True)),
    ),
    (
        "C SET [peer east]:Authentication=a=b;#c any",
        ChangeConfiguration(SetValue("peer east", "Authentication", "a=b;#c", force=True)),
    ),
    (
        "C add [Phase 2]:Connections=west-east",
        ChangeConfiguration(AddElement("Phase 2", "Connections", "west-east")),
    ),
    (
        "C add [Phase 2]:Connections=west-east ignored",
        ChangeConfiguration(AddElement("Phase 2", "Connections", "west-east")),
    ),
    (
        "C rmv [Phase 2]:Connections=west-east",
        ChangeConfiguration(RemoveElement("Phase 2", "Connections", "west-east")),
    ),
    ("C rm [Phase 2]:Connections", ChangeConfiguration(RemoveTag("Phase 2", "Connections"))),
    ("C rms [peer-east]", ChangeConfiguration(RemoveSection("peer-east"))),
    ("C get [Phase 1]:10.77.0.2", GetValue("Phase 1", "10.77.0.2")),
    ("C Get [General]:Listen-on", GetValue("General", "Listen-on")),
]


@pytest.mark.parametrize(("line", "meaning"), MEANINGS)
def test_a_command_means(line: str, meaning: Command) -> None:
    """Each line the manual allows, and the looser ones scripts may send."""
    assert parse(line) == meaning


# The beginnings are those of the original's log.
MALFORMED = [
    ("C bogus", 'ui_config: command "C bogus" malformed'),
    ("C get foo", 'ui_config: command "C get foo" malformed'),
    ("d x", 'ui_delete: command "d x" malformed'),
    (f"d {COOKIES} msgid", f'ui_delete: command "d {COOKIES} msgid" malformed'),
    ("c", 'ui_connect: command "c" malformed'),
    ("t", 'ui_teardown: command "t" malformed'),
    ("D", 'ui_debug: command "D" malformed'),
    ("D Z 3", 'ui_debug: command "D Z 3" malformed'),
    ("p", 'ui_packetlog: command "p" malformed'),
    ("p maybe", 'ui_packetlog: command "p maybe" malformed'),
    ("M", 'ui_setmode: command "M" malformed'),
    ("M bogus", 'ui_setmode: command "M bogus" malformed'),
    ("Q x", 'ui_shutdown_daemon: command "Q x" malformed'),
    ("T west-east", 'ui_teardown_all: command "T west-east" malformed'),
    ("X", "ui_handle_messages: unrecognized command: 'X'"),
]


@pytest.mark.parametrize(("line", "complaint"), MALFORMED)
def test_a_line_that_is_no_command_is_told_with_what_was_expected(
    line: str, complaint: str
) -> None:
    """The beginning is the one scripts look for; then comes what would have been right."""
    bad = parse(line)
    assert isinstance(bad, BadCommand)
    assert bad.text.startswith(f"{complaint}, expected ")


def test_a_malformed_command_keeps_the_passphrase_to_itself() -> None:
    """The log may be readable by more people than the FIFO is writable by."""
    bad = parse("C sat [peer-east]:Authentication=mekmitasdigoat")
    assert isinstance(bad, BadCommand)
    assert bad.text.startswith(
        'ui_config: command "C sat [peer-east]:Authentication=..." malformed'
    )
    assert "mekmitasdigoat" not in bad.text


def test_an_sa_that_is_not_there_is_told_as_the_original_does() -> None:
    """Scripts know this line too."""
    command = parse("d 0123456789abcdef0123456789abcdef -")
    assert isinstance(command, DeleteSa)
    expected = 'ui_delete: command "d 0123456789abcdef0123456789abcdef -" found no SA'
    assert command.not_found() == expected


LINES = b"c west-east\n\nC set [General]:Retransmits=5\r\nX\nS\nQ"


@given(cuts=st.lists(st.integers(0, len(LINES))))
def test_lines_may_come_in_any_pieces(cuts: list[int]) -> None:
    """A FIFO is a stream; the last line has no newline yet and waits."""
    stream = CommandStream()
    edges = sorted({0, len(LINES), *cuts})
    found = [one for start, end in pairwise(edges) for one in stream.feed(LINES[start:end])]
    assert found[:2] == [
        Connect("west-east"),
        ChangeConfiguration(SetValue("General", "Retransmits", "5")),
    ]
    assert isinstance(found[2], BadCommand)
    assert found[3:] == [ShowSas()]
    assert stream.feed(b"\n") == [Shutdown()]


@pytest.mark.parametrize(
    ("octets", "complaint"),
    [
        (b"c " + b"x" * 5000 + b"\n", "a line longer than 4096 octets is ignored"),
        (b"c \xff\xfe\n", "a line that is not text is ignored"),
        (b"c a\0b\n", "a line that is not text is ignored"),
        (b"c \x1b[2J\n", "a line that is not text is ignored"),
    ],
)
@pytest.mark.parametrize("size", [1, 100, 10000])
def test_rubbish_costs_one_line_and_no_other_command(
    octets: bytes, complaint: str, size: int
) -> None:
    """What comes before and after it is obeyed."""
    stream = CommandStream()
    octets = b"S\n" + octets + b"T\n"
    pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
    found = [one for piece in pieces for one in stream.feed(piece)]
    assert found == [ShowSas(), BadCommand(f"ui_handle_messages: {complaint}"), TeardownAll()]


@given(st.binary(max_size=300))
def test_no_octets_break_the_reader(octets: bytes) -> None:
    """Whatever comes in, complaints are one printable line each and the next command works."""
    stream = CommandStream()
    for one in stream.feed(octets):
        assert not isinstance(one, BadCommand) or one.text.isprintable()
    assert stream.feed(b"\nS\n")[-1] == ShowSas()
