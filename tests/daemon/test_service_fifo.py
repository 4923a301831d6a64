"""Every command of the FIFO does to a running pair what the manual says."""

import os
import re
import signal
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from lab.deadline import until
from lab.isakmpd import Isakmpd
from tests.daemon.loopback import (
    SECRET,
    Pair,
    answered,
    configuration,
    has,
    pair,
    reported,
    sections,
    wait_down,
)

pytestmark = pytest.mark.namespaces

RECORDED = re.compile(
    r"SA name: link \(Phase 2\)\n"
    r"src: 127\.0\.0\.1 dst: 127\.0\.0\.2\n"
    r"Lifetime: 1200 seconds\n"
    r"Soft timeout in \d+ seconds\n"
    r"Hard timeout in \d+ seconds\n"
    r"Flags 0x00000003\n"
    r"SPI 0: [0-9a-f]{8} \n"
    r"SPI 1: [0-9a-f]{8} \n"
    r"Transform: IPsec ESP\n"
    r"Encryption key length: 16\n"
    r"Authentication key length: 20\n"
    r"Encryption algorithm: AES \(CBC\)\n"
    r"Authentication algorithm: HMAC-SHA1\n"
    r"\n"
    r"SA name: east \(Phase 1/Initiator\)\n"
    r"src: 127\.0\.0\.1 dst: 127\.0\.0\.2\n"
    r"Lifetime: 3600 seconds\n"
    r"Soft timeout in \d+ seconds\n"
    r"Hard timeout in \d+ seconds\n"
    r"Flags 0x000000[0-9a-f]3\n"
    r"icookie [0-9a-f]{16} rcookie [0-9a-f]{16}\n"
    r"\n"
)

STEP_BY_STEP = """\
C set [late]:Phase=2 force
C set [late]:ISAKMP-peer={peer} force
C set [late]:Configuration=quick-mode force
C set [late]:Local-ID=late-{local} force
C set [late]:Remote-ID=late-{remote} force
C set [late-west]:ID-type=IPV4_ADDR force
C set [late-west]:Address=10.9.0.1 force
C set [late-east]:ID-type=IPV4_ADDR force
C set [late-east]:Address=10.9.0.2 force
"""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One pair for all tests here; each leaves the tunnel up."""
    with pair(tmp_path_factory.mktemp("fifo")) as both:
        both.west.wait_tunnel("link")
        yield both


def said_by(pair_: Pair, *commands: str) -> list[str]:
    """Send west commands and return what it logged about them, without times."""
    before = len(pair_.west.log())
    for command in commands:
        pair_.west.command(command)
    return [line.split(" Default ", 1)[-1] for line in answered(pair_.west)[before:].splitlines()]


def forgotten(one: Isakmpd, cookies: list[str]) -> bool:
    """Tell whether a daemon shows none of these cookies any more."""
    return not set(cookies) & set(one.show().split())


def test_s_writes_what_scripts_read(up: Pair) -> None:
    """Phase 2 first, then phase 1, line by line as recorded from the original."""
    assert RECORDED.fullmatch(up.west.show())
    assert sections(up.east.show()) == ["link (Phase 2)", "west (Phase 1/Responder)"]


def test_both_ends_name_the_same_spis(up: Pair) -> None:
    """What is outgoing here is incoming there."""
    west, east = (re.findall(r"^SPI \d: (\w+)", one.show(), re.M) for one in (up.west, up.east))
    assert west == east[::-1]


def test_the_result_file_is_private(up: Pair) -> None:
    """C get may put a key there."""
    assert up.west.ask("C get [east]:Authentication") == f"{SECRET}\n"
    assert stat.S_IMODE(up.west.result_file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("[General]:Listen-on", "127.0.0.1\n"),
        ("[AES-SHA-GRP14]:GROUP_DESCRIPTION", "MODP_2048\n"),
        ("[LIFE_QUICK_MODE]:LIFE_DURATION", "1200,60:86400\n"),
        ("[nowhere]:nothing", ""),
    ],
)
def test_c_get_knows_what_is_written_and_the_defaults(up: Pair, question: str, answer: str) -> None:
    """An unknown tag leaves the file empty."""
    assert up.west.ask(f"C get {question}") == answer


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("C bogus", 'ui_config: command "C bogus" malformed'),
        ("C get foo", 'ui_config: command "C get foo" malformed'),
        ("X", "ui_handle_messages: unrecognized command: 'X'"),
        ("d 1 2 3", 'ui_delete: command "d 1 2 3" malformed'),
        ("d x", 'ui_delete: command "d x" malformed'),
        (
            "d 0123456789abcdef0123456789abcdef -",
            'ui_delete: command "d 0123456789abcdef0123456789abcdef -" found no SA',
        ),
        ("c", 'ui_connect: command "c" malformed'),
        ("t", 'ui_teardown: command "t" malformed'),
        ("D", 'ui_debug: command "D" malformed'),
        ("D Z 3", 'ui_debug: command "D Z 3" malformed'),
        ("p", 'ui_packetlog: command "p" malformed'),
        ("Q x", 'ui_shutdown_daemon: command "Q x" malformed'),
        ("c nowhere", "ui_connect: there is no connection or peer nowhere"),
        ("t nowhere", "ui_teardown: there is no connection nowhere"),
        ("t main nowhere", "ui_teardown: there is no peer nowhere"),
        ("C set [east]:Phase=2", "conf_set_now: duplicate tag [east]:Phase, ignoring..."),
    ],
)
def test_an_error_is_one_line_as_ever(up: Pair, command: str, line: str) -> None:
    """Whoever greps the log for the original's words finds them."""
    said = said_by(up, command)
    assert len(said) == 1
    assert said[0].startswith(line)
    assert has(up.west, "link")


def test_garbage_loses_nothing(up: Pair) -> None:
    """What is no command costs a line of log; the commands around it are carried out."""
    up.west.result_file.unlink(missing_ok=True)
    with up.west.fifo.open("wb", buffering=0) as fifo:
        fifo.write(b"\x00\xff\xfe garbage\n\n" + b"c" * 5000 + b"\nS")
        fifo.write(b"\nX\n")
    until(up.west.result_file.exists, 5, "the answer to S")
    assert RECORDED.fullmatch(up.west.result_file.read_text())


def test_d_sets_levels_and_t_toggles_them(up: Pair) -> None:
    """D A 99 shows debug lines, D T hides and shows them, D A 0 ends it."""
    said = said_by(up, "D 8 30", "D T", "D T", "D 8 0")
    assert said == [
        "log_debug_cmd: log level changed from 0 to 30 for class 8",
        "log_debug_toggle: debug levels cleared",
        "log_debug_toggle: debug levels restored",
        "log_debug_cmd: log level changed from 30 to 0 for class 8",
    ]


def test_a_connection_torn_down_stays_down_until_asked_for(up: Pair) -> None:
    """Neither end shows it after t; other changes do not bring it back, c does."""
    up.west.command("t link")
    wait_down(up.west, "link")
    wait_down(up.east, "link")
    up.west.command("C set [General]:Retransmits=4 force")
    up.west.command("c nowhere")
    assert "connection link next check" not in reported(up.west)
    assert not has(up.west, "link")
    up.west.command("c link")
    up.west.wait_tunnel("link")
    up.east.wait_tunnel("link")


def test_c_changes_take_effect_before_the_next_command(up: Pair) -> None:
    """A connection set and asked for in one breath comes up."""
    for one, local, remote in ((up.east, "east", "west"), (up.west, "west", "east")):
        peer = remote
        lines = STEP_BY_STEP.format(peer=peer, local=local, remote=remote)
        passive = "C add [Phase 2]:Passive-connections=late\n"
        with one.fifo.open("w") as fifo:
            fifo.write(lines + (passive if one is up.east else "") + "S\n")
    up.west.command("c late")
    up.west.wait_tunnel("late")
    for one in (up.west, up.east):
        one.command("t late")
        for section in ("late", "late-west", "late-east"):
            one.command(f"C rms [{section}]")
    up.east.command("C rmv [Phase 2]:Passive-connections=late")
    wait_down(up.east, "late")


def test_a_connection_made_step_by_step_comes_up_when_listed(up: Pair) -> None:
    """As ipsecctl does it, each command by itself; nobody is told that a half is no whole."""
    before = len(up.west.log()), len(up.east.log())
    for one, local, remote, lists in (
        (up.east, "east", "west", "Passive-connections"),
        (up.west, "west", "east", "Connections"),
    ):
        for line in STEP_BY_STEP.format(peer=remote, local=local, remote=remote).splitlines():
            one.command(line)
            one.show()
        one.command(f"C add [Phase 2]:{lists}=late")
    up.west.wait_tunnel("late", 8)
    new = up.west.log()[before[0] :] + up.east.log()[before[1] :]
    assert "comes into force once this is mended" not in new
    assert new.count("quick mode done") == 2

    up.west.command("C rmv [Phase 2]:Connections=late")
    wait_down(up.west, "late")
    wait_down(up.east, "late")
    assert has(up.west, "link")


def test_a_fault_brought_by_c_waits_and_is_told(up: Pair) -> None:
    """The tunnel it would break stays; who asks for it learns what is to be mended."""
    up.west.command("C set [link]:Local-ID=nowhere force")
    assert said_by(up, "c link")[-1] == 'ui_connect: setup connection "link"'
    told = answered(up.west)
    assert "FIFO: [link]:Local-ID= nowhere" in told
    assert "what C commands have changed comes into force once this is mended" in told
    assert has(up.west, "link")
    mended = "C set [link]:Local-ID=link-west force"
    said = [
        f'ui_config: "{mended}"',
        "what C commands have changed is in force",
        'ui_connect: setup connection "link"',
    ]
    assert said_by(up, mended, "c link") == said
    assert has(up.west, "link")


def test_t_main_deletes_the_phase_1_sa_alone(up: Pair) -> None:
    """The peer's goes too; the phase 2 SAs live on, and with them phase 1 begins anew."""
    cookies = re.findall(r"^icookie (\w+)", up.west.show(), re.M)
    spis = re.findall(r"^SPI \d: (\w+)", up.west.show(), re.M)
    assert cookies
    up.west.command("t main east")
    for one in (up.west, up.east):
        until(partial(forgotten, one, cookies), 5, "phase 1 to go")
        assert set(spis) <= set(one.show().split())
    up.west.command("c east")
    until(lambda: "(Phase 1/" in up.west.show(), 5, "a new phase 1")


@pytest.mark.parametrize("name", ["LINK", "127.0.0.2"])
def test_t_takes_a_name_in_any_case_and_an_address(up: Pair, name: str) -> None:
    """The peer's address stands for all connections with it."""
    up.west.command(f"t {name}")
    wait_down(up.west, "link")
    up.west.command("c Link")
    up.west.wait_tunnel("link")


def test_d_deletes_one_sa(up: Pair) -> None:
    """By its cookies and message ID, as the report names them; it comes back by itself."""
    shown = up.west.show()
    cookies = re.search(r"icookie (\w+) rcookie (\w+)", shown)
    assert cookies
    up.west.command(f"d {cookies[1]}{cookies[2]} -")
    until(lambda: cookies[1] not in up.west.show() + up.east.show(), 5, "both ends to forget it")
    up.west.command("t link")
    up.west.command("c link")
    up.west.wait_tunnel("link")


def test_capital_t_takes_everything_down(up: Pair) -> None:
    """Both ends are without phase 2 SAs until someone asks."""
    up.west.command("T")
    wait_down(up.west, "link")
    wait_down(up.east, "link")
    up.west.command("c link")
    up.west.wait_tunnel("link")


def test_p_starts_and_stops_the_capture(up: Pair, tmp_path: Path) -> None:
    """Where it is told to; a capture that cannot be is refused in a line."""
    file = tmp_path / "wire.pcap"
    said = said_by(up, f"p on={file}", "t link", "p off", "c link")
    assert said[0] == f'log_packet_init: starting IKE packet capture to file "{file}"'
    assert "log_packet_stop: stopped capture" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_size > 24
    up.west.wait_tunnel("link")
    assert said_by(up, "p on=/dev/null") == [
        'log_packet_init: will not capture to "/dev/null": it is not a regular file'
    ]


def test_r_writes_the_report(up: Pair) -> None:
    """Privately, whole, with what S shows and more, without keys."""
    text = reported(up.west)
    report = up.west.folder / "isakmpd.report"
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert all(" Report> " in line for line in text.splitlines())
    for words in (
        "link phase 2",
        "east phase 1",
        "udp_report: fd",
        "connection_report: ",
        "[east]",
    ):
        assert words in text
    assert SECRET not in text


def test_capital_r_reads_the_configuration_anew(up: Pair) -> None:
    """What C has changed is forgotten, what was torn down is brought up again."""
    up.west.command("C set [General]:Retransmits=7 force")
    up.west.command("t link")
    up.west.command("R")
    up.west.wait_tunnel("link")
    assert up.west.ask("C get [General]:Retransmits") == "3\n"


def test_q_ends_the_daemon(tmp_path: Path) -> None:
    """The peer is told, the files go, the status is 0."""
    with pair(tmp_path) as both:
        both.west.wait_tunnel("link")
        pid = both.west.folder / "isakmpd.pid"
        assert pid.read_text() == f"{both.west.pid}\n"
        assert both.west.stop() == 0
        assert [path.name for path in sorted(both.west.folder.iterdir())] == [
            "isakmpd.conf",
            "isakmpd.result",
            "log",
        ]
        until(lambda: both.east.show() == "", 5, "east to be told")
        tail = [line.split(" Default ", 1)[-1] for line in both.west.log().splitlines()]
        assert tail[-3:] == [
            "ui_shutdown_daemon: received shutdown command",
            "isakmpd: shutting down...",
            "isakmpd: exit",
        ]


def test_a_teardown_during_phase_1_is_not_forgotten(tmp_path: Path) -> None:
    """Nobody calls the silent peer any more, and the connection does not come up after all."""
    with pair(tmp_path, west=configuration("west", up=False)) as both:
        os.kill(both.east.child, signal.SIGSTOP)
        both.west.command("c link")
        until(lambda: "exchange_report: #1 east" in reported(both.west), 5, "phase 1 to begin")
        both.west.command("t link")
        until(lambda: "exchange_report:" not in reported(both.west), 5, "phase 1 to end")
        os.kill(both.east.child, signal.SIGCONT)
        both.east.show()
        assert not has(both.west, "link")
        assert not has(both.east, "link")
