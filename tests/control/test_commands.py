"""FIFO commands: what each line means, and the log line about one that means nothing."""

import pytest

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
    Connect,
    DeleteSa,
    GetValue,
    Reinitialize,
    Report,
    SetLogLevel,
    SetMode,
    ShowSas,
    ShowStatus,
    Shutdown,
    StartCapture,
    StopCapture,
    Tagged,
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
    ("s", ShowStatus()),
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
    ("M passively", SetMode(False)),
    ("p ON", StartCapture(None)),
    ("p Off", StopCapture()),
    ("? 0123abCD s", Tagged("0123abcd", ShowStatus())),
    (f"?  {'f' * 32}  c west-east", Tagged("f" * 32, Connect("west-east"))),
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
    (
        "C rmv [Phase 2]:Connections=west-east force",
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
    ("?", 'ui_answer: command "?" malformed'),
    ("? 1234567 s", 'ui_answer: command "? 1234567 s" malformed'),
    ("? wxyzwxyz s", 'ui_answer: command "? wxyzwxyz s" malformed'),
    ("? 12345678", 'ui_answer: command "? 12345678" malformed'),
    ("? 12345678 ? 12345678 s", 'ui_answer: command "? 12345678 ? 12345678 s" malformed'),
    (f"? {'0' * 33} s", f'ui_answer: command "? {"0" * 33} s" malformed'),
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


def test_a_tagged_line_that_is_no_command_is_answered_too() -> None:
    """Who asks hears why nothing happened."""
    tagged = parse("? 12345678 C bogus")
    assert isinstance(tagged, Tagged)
    assert tagged.command == parse("C bogus")


@pytest.mark.parametrize("prefix", ["", "? 12345678 ", "? 1 "])
@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("C sat [peer-east]:Authentication=mekmitasdigoat", "[peer-east]:Authentication=..."),
        ("c set [peer-east]:Authentication=mekmitasdigoat", "[peer-east]:Authentication=..."),
        ("t C set [peer-east]:Authentication=mekmitasdigoat", "[peer-east]:Authentication=..."),
        ("C set [peer-east]:Authentication mekmitasdigoat", "[peer-east]:Authentication..."),
        ("C set [peer-east]:Authentication mekmitas=digoat", "[peer-east]:Authentication..."),
        ("C set [peer-east]:Autentication mekmitasdigoat", "[peer-east]:Autentication..."),
        ("C set [peer-east] Authentication mekmitasdigoat", "[peer-east] Authentication..."),
        ("C set [peer-east]Authentication =mekmitas digoat", "[peer-east]Authentication =..."),
        ("C rm [peer-east]:Authentication=mekmitasdigoat", "[peer-east]:Authentication=..."),
        ("C get [peer-east]:Authentication=mekmitasdigoat", "[peer-east]:Authentication=..."),
    ],
)
def test_a_malformed_command_keeps_the_passphrase_to_itself(
    prefix: str, line: str, shown: str
) -> None:
    """The log may be readable by more people than the FIFO is writable by."""
    bad = parse(f"{prefix}{line}")
    bad = bad.command if isinstance(bad, Tagged) else bad
    assert isinstance(bad, BadCommand)
    assert f'{shown}" malformed' in bad.text
    assert "mekmitas" not in bad.text
    assert "digoat" not in bad.text


def test_an_sa_that_is_not_there_is_told_as_the_original_does() -> None:
    """Scripts know this line too."""
    command = parse("d 0123456789abcdef0123456789abcdef -")
    assert isinstance(command, DeleteSa)
    expected = 'ui_delete: command "d 0123456789abcdef0123456789abcdef -" found no SA'
    assert command.not_found() == expected
