"""Each command of isakmpctl: what it tells the daemon, what it says, and its exit status."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from isakmpd.cli import isakmpctl
from tests.cli.fake_daemon import Replies, connection, fake_daemon, peer, said, sas, status, told

OFFERED = "phase 1 with 192.0.2.2:500 failed: no compatible proposal found ([main]:Transforms)"
UP = connection("west-east")
DOWN = connection("lab", "waiting", failure=OFFERED, next_check_in=4.2)
WAITING = connection("road", "waiting", mode="on-demand", next_check_in=None)


def run(folder: Path, replies: Replies, words: Sequence[str]) -> tuple[int, list[str]]:
    """Run isakmpctl beside a fake daemon; give its status and what the daemon heard."""
    with fake_daemon(folder, replies) as daemon:
        ended = isakmpctl.main(["--run-dir", str(folder), "--timeout", "5", *words])
    assert list(folder.iterdir()) == [], "a file was left behind"
    return ended, [command for command in daemon.commands if command != "end of test"]


def test_a_tag_that_is_set_is_replaced_by_force_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The daemon's refusal says what it is; ours says what helps."""
    refused = said("conf_set_now: duplicate tag [a]:b, ignoring...", ok=False)
    assert run(tmp_path, {"C set [a]:b=c": [refused]}, ["set", "a", "b", "c"])[0] == 1
    told_how = "isakmpctl: [a]:b is set already; --force replaces it\n"
    assert capsys.readouterr() == ("", told_how)


@pytest.mark.parametrize(
    ("words", "command", "reply", "out"),
    [
        ("reload", "R", said("configuration of /x read"), "configuration of /x read\n"),
        ("reload", "R", said("isakmpd: read anew"), "read anew\n"),
        ("report", "r", said("ui_report: the report is in /x"), "the report is in /x\n"),
        ("active", "M active", said("ui_setmode: already in active mode"), "isakmpd is active\n"),
        ("passive", "M passive", said(), "isakmpd is passive\n"),
        ("log sa 30", "D 6 30", said("log_debug_cmd: changed"), "changed\n"),
        ("log UI 5", "D 10 5", said("changed"), "changed\n"),
        ("log 3 0", "D 3 0", said("changed"), "changed\n"),
        ("log all 99", "D A 99", said("one", "two"), "one\ntwo\n"),
        ("log toggle", "D T", said("log_debug_toggle: cleared"), "cleared\n"),
        ("capture on", "p on", said("log_packet_init: begun"), "begun\n"),
        ("capture on /x", "p on=/x", said("begun in /x"), "begun in /x\n"),
        ("capture off", "p off", said("ended"), "ended\n"),
        ("get General Port", "C get [General]:Port", said(result="500\n"), "500\n"),
        ("get [a b] Port", "C get [a b]:Port", said(result="\n"), "\n"),
        (
            "set General Port 5 --force",
            "C set [General]:Port=5 force",
            said(),
            "[General]:Port is set until the configuration is read again\n",
        ),
        (
            "set General Port 5",
            "C set [General]:Port=5",
            said('ui_config: "C set [General]:Port=5"', "FIFO: [General]:Port= 5: not in force"),
            "[General]:Port is set until the configuration is read again\n"
            "FIFO: [General]:Port= 5: not in force\n",
        ),
        (
            "add x Connections a",
            "C add [x]:Connections=a",
            said(),
            "[x]:Connections has a until the configuration is read again\n",
        ),
        ("rm x", "C rms [x]", said(), "[x] is removed\n"),
        ("rm x y", "C rm [x]:y", said(), "[x]:y is removed\n"),
        ("rm x y z", "C rmv [x]:y=z", said(), "z is removed from [x]:y\n"),
    ],
)
def test_a_command_goes_to_the_daemon_and_its_answer_to_the_reader(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: str,
    command: str,
    reply: dict[str, object],
    out: str,
) -> None:
    """The daemon's own words where it says something, else ours; status 0."""
    # Words of the table are split at blanks, but for those in brackets.
    split = [word.replace("~", " ") for word in words.replace("a b", "a~b").split()]
    assert run(tmp_path, {command: [reply]}, split) == (0, [command])
    assert capsys.readouterr() == (out, "")


@pytest.mark.parametrize("words", ["reload", "report", "active", "log all 1", "capture on", "rm x"])
def test_a_refusal_is_told_in_the_daemons_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    """On standard error, with status 1; what a terminal would act on is written out."""
    refusal = said("line 3: no\x1b[2J such thing", "the last good one stays", ok=False)
    commands = ("R", "r", "M active", "D A 1", "p on", "C rms [x]")
    assert run(tmp_path, {one: [refusal] for one in commands}, words.split())[0] == 1
    told_why = "isakmpctl: line 3: no\\x1b[2J such thing; the last good one stays\n"
    assert capsys.readouterr() == ("", told_why)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["set", "a", "b", "c d"], "a value with blanks cannot go through the FIFO"),
        (["set", "a", "b", ""], "an empty value cannot go through the FIFO; isakmpctl rm a b"),
        (["set", "a", "b", "c\nQ"], "control characters, newlines"),
        (["set", "a", "b", "\udcff"], "control characters, newlines and what is no UTF-8"),
        (
            ["set", "a", "b", "c" * 4096],
            "a command of 4145 octets cannot go through the FIFO, expected at most 4096",
        ),
        (["set", "a", "b c", "d"], '"b c" is no tag, expected a word without blanks and ='),
        (["set", "a", "b=c", "d"], '"b=c" is no tag'),
        (["set", "a]", "b", "c"], '"a]" is no section, expected a name without ]'),
        (["get", "", "b"], '"" is no section'),
        (["rm", "a", "b", "c d"], "a value with blanks"),
        (["log", "ike", "5"], '"ike" is no debug class, expected misc, transport, message'),
        (["log", "11", "5"], '"11" is no debug class'),
        (["log", "sa"], "no level, expected 0 to 99"),
        (["log", "sa", "100"], '"100" as level, expected 0 to 99'),
        (["log", "sa", "-1"], '"-1" as level, expected 0 to 99'),
        (["log", "toggle", "1"], "log toggle takes no level"),
        (["capture", "of"], "expected capture on, capture on PATH or capture off"),
        (["capture", "off", "/x"], "expected capture on, capture on PATH or capture off"),
        (["capture", "on", "/a b"], 'a path with blanks, "/a b", cannot go through the FIFO'),
        (["up", "a b"], 'a name with blanks, "a b", cannot go through the FIFO'),
        (["down"], "expected down NAME or down --all"),
        (["down", "x", "--all"], "expected down NAME or down --all"),
        (["up", "west-eats"], 'there is no connection "west-eats"; did you mean west-east?'),
        (["down", "west"], 'there is no connection "west"; did you mean west-east?'),
        (["status", "a\x1bb"], 'there is no connection "a\\x1bb"\n'),
        (["get", "General", "Prot"], "nothing sets [General]:Prot"),
        (["watch"], "watch needs a terminal that can place its cursor"),
    ],
)
def test_what_cannot_be_said_is_refused_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    """With status 1, and nothing is changed."""
    replies: Replies = {"s": [told(UP)], "C get [General]:Prot": [said()]}
    ended, heard = run(tmp_path, replies, words)
    assert (ended, [one for one in heard if not one.startswith("C get")]) == (1, [])
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"isakmpctl: {complaint.removesuffix(chr(10))}")
    assert complaint in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "required: COMMAND"),
        (["staus"], "; did you mean status?\n"),
        (["xyzzy"], ")\n"),
        (["completion", "zhs"], "; did you mean zsh?\n"),
        (["up"], "required: NAME"),
        (["--timeout", "0", "reload"], "'0' is no time, expected seconds up to 86400"),
        (["--timeout", "nan", "reload"], "'nan' is no time"),
        (["up", "x", "--wait", "soon"], "'soon' is no time"),
        (["--run=/x", "reload"], "unrecognized arguments: --run=/x"),
        (["completion", "fish"], "invalid choice: 'fish'"),
        (["reload", "now"], "unrecognized arguments: now"),
    ],
)
def test_a_mistyped_command_line_is_told_with_the_usage(
    capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    """With status 2."""
    with pytest.raises(SystemExit) as ended:
        isakmpctl.main(words)
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("usage: isakmpctl")
    assert complaint in shown.err


def test_a_secret_comes_from_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not from the command line, which every process can read; it is not repeated either."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("a%#;=secret\n"))
    command = "C set [branch]:Authentication=a%#;=secret force"
    words = ["set", "branch", "Authentication", "-", "--force"]
    assert run(tmp_path, {command: [said()]}, words) == (0, [command])
    assert "secret" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("typed", ["two words\n", "two\nlines\n", "", "\n", "x" * 9000])
def test_a_secret_that_cannot_go_is_not_repeated(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
) -> None:
    """Of no kind of unusable input is a word shown."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert run(tmp_path, {}, ["set", "branch", "Authentication", "-"]) == (1, [])
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "two" not in shown.err
    assert "xxx" not in shown.err


def test_the_levels_and_the_recording_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where log and capture say no more."""
    assert run(tmp_path, {"s": [told(capture="/x/isakmpd.pcap")]}, ["log"]) == (0, [])
    assert capsys.readouterr().out.splitlines()[5:7] == ["sysdep 5", "sa 6"]
    assert run(tmp_path, {"s": [told(capture="/x/isakmpd.pcap")]}, ["capture"]) == (0, [])
    assert run(tmp_path, {"s": [told()]}, ["capture"]) == (0, [])
    shown = "negotiations are recorded in /x/isakmpd.pcap\nnothing is recorded\n"
    assert capsys.readouterr().out == shown


def test_a_relative_path_is_ours_not_the_daemons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its working directory is another."""
    elsewhere = tmp_path / "elsewhere"
    run_directory = tmp_path / "run"
    elsewhere.mkdir()
    run_directory.mkdir()
    monkeypatch.chdir(elsewhere)
    command = f"p on={elsewhere}/x.pcap"
    assert run(run_directory, {command: [said()]}, ["capture", "on", "x.pcap"])[1] == [command]


def test_stop_waits_until_the_daemon_has_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its FIFO has no reader then."""
    assert run(tmp_path, {}, ["stop"]) == (0, ["Q"])
    assert capsys.readouterr().out == "isakmpd has ended\n"
    assert isakmpctl.main(["--run-dir", str(tmp_path), "stop"]) == 1


@pytest.mark.parametrize(
    ("connections", "ended"),
    [([], 0), ([UP], 0), ([WAITING], 0), ([UP, WAITING], 0), ([UP, DOWN], 3), ([DOWN], 3)],
)
@pytest.mark.parametrize("form", [[], ["--brief"], ["--json"]])
def test_the_status_of_status_tells_whether_what_is_to_be_up_is(
    tmp_path: Path, connections: list[dict[str, object]], form: list[str], ended: int
) -> None:
    """A connection on demand may wait; one that is to be up always may not be down."""
    assert run(tmp_path, {"s": [told(*connections)]}, ["status", *form]) == (ended, [])


@pytest.mark.parametrize(("name", "ended"), [("west-east", 0), ("LAB", 3), ("road", 3)])
@pytest.mark.parametrize("form", [[], ["--brief"], ["--json"]])
def test_the_status_of_one_tells_whether_it_is_up(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    form: list[str],
    ended: int,
) -> None:
    """As systemctl is-active does; a name may be written in capitals."""
    replies = {"s": [told(UP, DOWN, WAITING, peers=[peer()])]}
    assert run(tmp_path, replies, ["status", name, *form]) == (ended, [])
    assert name.lower() in capsys.readouterr().out


def test_json_is_what_the_daemon_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of it, or that of one connection, also what this program does not know."""
    daemon = status({**UP, "of a later version": [1]}, DOWN)
    replies = {"s": [said(result=json.dumps(daemon))]}
    run(tmp_path, replies, ["status", "--json"])
    assert json.loads(capsys.readouterr().out) == daemon
    run(tmp_path, replies, ["status", "--json", "west-east"])
    assert json.loads(capsys.readouterr().out) == daemon["connections"][0]


def test_brief_is_a_line_for_each_tunnel(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The form that the manual promises to scripts."""
    odd = connection("a b%c", peer="x y", local="10.0.0.1 udp 1701", failure="two\nlines")
    bare = connection("bare", "waiting", mode="passive", local="", remote="", peer="")
    silent = sas(dst="192.0.2.9", hard_in=None, octets_in=None, octets_out=None)
    run(tmp_path, {"s": [told(UP, DOWN, odd, bare, unnamed=[silent])]}, ["status", "--brief"])
    assert capsys.readouterr().out.splitlines() == [
        "west-east up always branch 10.1.0.0/24 10.2.0.0/24 1199 1234567 890 -",
        f"lab waiting always branch 10.1.0.0/24 10.2.0.0/24 - - - {OFFERED}",
        "a%20b%25c up always x%20y 10.0.0.1%20udp%201701 10.2.0.0/24 1199 1234567 890"
        " two\\x0alines",
        "bare waiting passive - - - - - - -",
        "- up - 192.0.2.9 - - - - - -",
    ]


def test_a_pipe_gets_a_plain_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As wide as it comes out, nothing cut off, no colours."""
    run(tmp_path, {"s": [told(UP, DOWN, WAITING, unnamed=[sas()])]}, ["status"])
    assert capsys.readouterr().out == (
        "isakmpd 0.1.0, process 4711, up for 1h 02m, userspace IPsec stack; 2 of 4 tunnels up\n"
        "\n"
        "Tunnel     State    Peer              Local        Remote       Left      In      Out\n"
        "west-east  up       branch 192.0.2.2  10.1.0.0/24  10.2.0.0/24  19m 59s   1.2 MB  890 B\n"
        "lab        waiting  branch            10.1.0.0/24  10.2.0.0/24  retry 4s  -       -\n"
        "road       waiting  branch            10.1.0.0/24  10.2.0.0/24  -         -       -\n"
        "<unnamed>  up       192.0.2.2         -            -            19m 59s   1.2 MB  890 B\n"
        "\n"
        f"lab: {OFFERED}\n"
    )


def test_one_tunnel_is_shown_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its peer's ISAKMP SA and every pair of its own."""
    second = sas(
        spi_in="0000abcd",
        nat_t=True,
        initiator=False,
        key_length=None,
        src="2001:db8::1",
        dst="2001:db8::2",
        soft_in=None,
        hard_in=None,
        authentication="",
        packets_in=None,
        octets_out=None,
    )
    both = connection("west-east", sas=[sas(), second])
    run(tmp_path, {"s": [told(both, peers=[peer(), peer("stranger")])]}, ["status", "west-east"])
    assert capsys.readouterr().out == (
        "west-east: up, kept up\n"
        "  local       10.1.0.0/24\n"
        "  remote      10.2.0.0/24\n"
        "  peer        branch\n"
        "  ISAKMP SA   AES_CBC 256, SHA2_256, MODP_2048\n"
        "              cookies 358c0211c2b27ff6 6e6f1570905c4bfe, initiator\n"
        "              192.0.2.1:500 to 192.0.2.2:500\n"
        "              we are 192.0.2.1, the peer is 192.0.2.2\n"
        "              replaced in 51m 49s, ends in 59m 59s\n"
        "  IPsec SA    ESP AES (CBC) 256, HMAC-SHA2-256\n"
        "              SPI 32b95d9e in, 6e6ea31b out, initiator\n"
        "              192.0.2.1:500 to 192.0.2.2:500\n"
        "              1.2 MB in, 1001 packets\n"
        "              890 B out, 1 packet\n"
        "              replaced in 17m 44s, ends in 19m 59s\n"
        "  IPsec SA    ESP AES (CBC)\n"
        "              SPI 0000abcd in, 6e6ea31b out, responder\n"
        "              [2001:db8::1]:500 to [2001:db8::2]:500, NAT traversal\n"
        "              1.2 MB in\n"
        "              no end by time\n"
        "  next check  in 30s\n"
    )


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        ("", "isakmpd told something else than a status"),
        ("[]", "isakmpd told something else than a status"),
        ('{"connections": []}', "the status isakmpd tells lacks 'unnamed'"),
        ('{"connections": [{}]}', "the status isakmpd tells lacks 'sas'"),
        ('{"connections": [3]}', "isakmpd told something else than a status"),
    ],
)
def test_what_is_no_status_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], result: str, complaint: str
) -> None:
    """Of a daemon of another version, say; never a traceback."""
    assert run(tmp_path, {"s": [said(result=result)]}, ["status"]) == (1, [])
    assert capsys.readouterr() == ("", f"isakmpctl: {complaint}\n")


def test_a_status_refused_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An older daemon knows no such command."""
    refused = said("ui_handle_messages: unrecognized command: 's'", ok=False)
    assert run(tmp_path, {"s": [refused]}, ["status"]) == (1, [])
    shown = capsys.readouterr()
    assert shown.err == "isakmpctl: unrecognized command: 's'\n"
