"""The manual pages and the code say the same, and the pages are written as mdoc(7) wants."""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from isakmpd.cli.control_commands import COMMANDS, GLOBAL_OPTIONS
from isakmpd.cli.flags import FLAGS
from isakmpd.control.commands import BadCommand, parse
from isakmpd.control.log_levels import CLASS_NAMES
from tests.config.test_tags import DOES_NOTHING, REFUSED, WORKS

PAGES = Path(__file__).parents[2] / "docs" / "man"
NAMES = sorted(path.name for path in PAGES.iterdir())


def page(name: str) -> str:
    """Read the source of a page."""
    return (PAGES / name).read_text()


def part(text: str, heading: str) -> str:
    """Give what stands under one heading, up to the next of the same rank."""
    kind, _, _ = heading.partition(" ")
    _, found, rest = text.partition(f"\n{heading}\n")
    assert found, f"no {heading}"
    return re.split(rf"^\.{kind[1:]} |^\.Sh ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def entries(text: str, macro: str) -> list[str]:
    """List what the items of a list begin with, written with a macro."""
    return re.findall(rf"^\.It {macro} (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_clean(name: str) -> None:
    """Nothing is left to say for a checker that knows the language."""
    mandoc = shutil.which("mandoc")
    assert mandoc, "mandoc is missing: scripts/system-packages test"
    found = subprocess.run(
        [mandoc, "-Tlint", "-Wstyle", PAGES / name], capture_output=True, text=True, check=False
    )
    about_others = ("referenced manual not found", "outdated mandoc.db")
    said = found.stdout.splitlines() + found.stderr.splitlines()
    assert not [line for line in said if not any(text in line for text in about_others)]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_refers_to_pages_there_are(name: str) -> None:
    """Our own, or ones of the system."""
    others = {"openssl.1", "ps.1", "tcpdump.8"}
    referred = {".".join(each) for each in re.findall(r"^\.Xr (\S+) (\d)", page(name), re.M)}
    assert referred <= others | set(NAMES)


def test_flags_of_isakmpd() -> None:
    """Each stands in the list of options, with its argument, and no other does."""
    documented = entries(part(page("isakmpd.8"), ".Sh DESCRIPTION"), "Fl")
    words = {tuple(line.replace(" Ns ", "").split()) for line in _single(documented)}
    assert words == {_flag_as_written(flag.name, flag.argument) for flag in FLAGS}


def _single(lines: Iterable[str]) -> Iterable[str]:
    for line in lines:
        if line == "4 | Fl 6":
            yield from ("4", "6")
        else:
            yield line


def _flag_as_written(name: str, argument: str | None) -> tuple[str, ...]:
    shown = name if len(name) == 1 else f"-{name}"
    if argument is None:
        return (shown,)
    return (shown, "Ar", *argument.replace("=", "=Ar ").split())


def test_flags_in_the_synopsis() -> None:
    """What the page begins with has each flag, too."""
    synopsis = part(page("isakmpd.8"), ".Sh SYNOPSIS")
    (bundle,) = re.findall(r"^\.Op Fl (\w{2,})$", synopsis, re.MULTILINE)
    alone = re.findall(r"Fl -?([\w-]+) Ar", synopsis)
    long = re.findall(r"(?:Fl|\|) -(\w+)(?! Ar)", synopsis)
    assert {*bundle, *alone, *long} >= {flag.name for flag in FLAGS}


def test_debug_classes() -> None:
    """The page numbers as many as there are, and A."""
    classes = re.findall(r"^\.It (\d+|A)$", page("isakmpd.8"), re.MULTILINE)
    assert classes == [*(str(int(one)) for one in CLASS_NAMES), "A"]


def fifo_commands() -> list[str]:
    """List the commands of the page, each as an example of it."""
    example = {
        "name": "west-east",
        "section": "[General]",
        "tag": "Retransmits",
        "value": "5",
        "cookies": "00112233445566778899aabbccddeeff",
        "msgid": "-",
        "class": "3",
        "level": "10",
        "path": "/tmp/x.pcap",
        "token": "0123456789abcdef",
        "command": "S",
    }
    found = []
    for entry in entries(part(page("isakmpd.8"), ".Sh THE FIFO USER INTERFACE"), "Ic"):
        line = entry.replace("Oo Ar section Oc", "Ar section").replace("Oo Cm main | quick Oc ", "")
        line = line.replace("Ns Op = Ns Ar path", "").replace("Op Cm force", "force")
        line = line.replace(" : Ns ", " Ns : Ns ").replace(" Ns ", "\0").replace("\\&", "")
        line = re.sub(r"\b(Ar|Cm)\b ", "", line).replace("\0", "")
        found.append(" ".join(_example(word, example) for word in line.split(" ")))
    return found


def _example(word: str, example: dict[str, str]) -> str:
    names = "|".join(example)
    return re.sub(rf"(?<![\w\[])({names})(?!\w)", lambda match: example[match[1]], word)


@pytest.mark.parametrize("command", fifo_commands())
def test_a_documented_command_is_one(command: str) -> None:
    """The grammar takes it."""
    assert not isinstance(parse(command), BadCommand), command


def test_every_command_is_documented() -> None:
    """Each letter, and each word behind C, M and p."""
    documented = {command.split()[0] for command in fifo_commands()}
    unknown = parse("~")
    assert isinstance(unknown, BadCommand)
    known = unknown.text.partition("expected one of ")[2].split()
    assert documented == {*known, "?"}
    behind = {tuple(command.split()[:2]) for command in fifo_commands()}
    for words in (
        *(("C", word) for word in ("set", "add", "rmv", "rm", "rms", "get")),
        *(("M", word) for word in ("active", "passive")),
        *(("p", word) for word in ("on", "off")),
    ):
        assert words in behind


def test_commands_of_isakmpctl() -> None:
    """Each stands in its page, and no other does."""
    documented = entries(part(page("isakmpctl.8"), ".Sh DESCRIPTION"), "Ic")
    assert sorted({line.split()[0] for line in documented}) == sorted(
        command.name for command in COMMANDS
    )


def test_options_of_isakmpctl() -> None:
    """Those before a command, and those behind it."""
    text = part(page("isakmpctl.8"), ".Sh DESCRIPTION")
    before = {line.split()[0] for line in entries(text, "Fl")} - {"-help", "-version"}
    assert before == {word[1:] for option in GLOBAL_OPTIONS for word in option.words}
    for command in COMMANDS:
        (line,) = [one for one in entries(text, "Ic") if one.split()[0] == command.name]
        options = {word[2:] for one in command.arguments if one.is_option for word in one.words}
        assert set(re.findall(r"(?:Fl|\|) -([\w-]+)", line)) == options


# Where the page describes the tags of each section of tests/config/test_tags.py.
HEADINGS = {
    "General": ".Sh GENERAL",
    "Phase 1": ".Ss Phase 1",
    "Phase 2": ".Ss Phase 2",
    "peer": ".Ss ISAKMP-peer",
    "me": ".Ss Phase1-ID",
    "you": ".Ss Phase1-ID",
    "main": ".Ss ISAKMP-configuration",
    "own": ".Ss ISAKMP-transform",
    "hour": ".Ss Lifetime",
    "conn": ".Ss IPsec-connection",
    "quick": ".Ss IPsec-configuration",
    "own-suite": ".Ss IPsec-suite",
    "own-esp": ".Ss IPsec-protocol",
    "own-xf": ".Ss IPsec-transform",
    "here": ".Ss IPsec-ID",
    "there": ".Ss IPsec-ID",
    "ipv4/192.0.2.2": ".Sh MODE CONFIG",
    "X509-certificates": ".Ss X509-certificates",
    "KeyNote": ".Ss KeyNote",
}


def known_tags() -> dict[str, set[str]]:
    """Collect the tags that work, are refused or do nothing, by the heading of their page."""
    found: dict[str, set[str]] = {heading: set() for heading in HEADINGS.values()}
    for section, tag, *_ in (*WORKS, *REFUSED, *DOES_NOTHING):
        if section in HEADINGS and not tag.startswith("192."):
            found[HEADINGS[section]].add(tag)
    return found


@pytest.mark.parametrize(("heading", "known"), known_tags().items())
def test_tags_of_a_section(heading: str, known: set[str]) -> None:
    """Each stands under the heading of its section, and no other does."""
    assert set(entries(part(page("isakmpd.conf.5"), heading), "Ic")) == known
