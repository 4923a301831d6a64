"""Say what is fuzzed: each target takes any octets, and what it must hold to whatever they are."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fuzz.certificates import certificates, names, some_certificates, some_names
from isakmpd.cli.flags import FLAGS, UsageError, read_command_line
from isakmpd.config.bindings import Bindings
from isakmpd.config.model import Configuration
from isakmpd.config.read import read
from isakmpd.control.command_stream import CommandStream
from isakmpd.control.commands import BadCommand, ChangeConfiguration
from isakmpd.wire.header import decode_header
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.payloads import decode_chain, encode_chain

ROOT = Path(__file__).parents[1]
_PLACES = ("isakmpd.conf", "built-in defaults", "FIFO")
_LONGEST_SENTENCE = 2000


@dataclass(frozen=True, slots=True)
class Target:
    """Hold one target: ``run`` raises for a fault; ``seeds`` and ``words`` lead it into depth."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    words: Callable[[], Iterator[bytes]]


# isakmpd.conf


def configuration(octets: bytes) -> None:
    """Read a file: every complaint names a line of it, in one line of bounded length."""
    text = octets.decode("utf-8", "surrogateescape")
    _judge(read(Bindings.parse(text, "isakmpd.conf")), text.count("\n") + 1)


def _judge(found: Configuration, lines: int) -> None:
    for problem in (*found.problems, *found.warnings, *found.unused):
        assert problem.file in _PLACES, problem
        assert 0 <= problem.line <= lines, problem
        assert "\n" not in problem.text, problem
        assert len(str(problem)) < _LONGEST_SENTENCE, problem


def _files() -> Iterator[Path]:
    yield from sorted((ROOT / "examples").glob("*/*.conf"))
    yield from sorted((ROOT / "tests" / "config" / "broken").glob("*.conf"))


def _configurations() -> Iterator[bytes]:
    return (path.read_bytes() for path in _files())


def _words_of_configurations() -> Iterator[bytes]:
    for path in _files():
        for binding in Bindings.parse(path.read_text(encoding="utf-8"), "f").written():
            yield from (binding.section.encode(), binding.tag.encode(), binding.value.encode())


# The FIFO


def commands(octets: bytes) -> None:
    """Read commands, however their octets arrive, and carry out what changes the configuration."""
    whole = CommandStream().feed(octets + b"\n")
    stream = CommandStream()
    half = len(octets) // 2
    assert [*stream.feed(octets[:half]), *stream.feed(octets[half:] + b"\n")] == whole
    bindings = Bindings()
    for command in whole:
        if isinstance(command, BadCommand):
            assert "\n" not in command.text, command
        elif isinstance(command, ChangeConfiguration):
            assert all("\n" not in refusal for refusal in bindings.apply([command.change]))
    _judge(read(bindings), 0)


def _commands() -> Iterator[bytes]:
    yield b"C set [a]:b=c force\nC add [a]:b=d\nC rmv [a]:b=d\nC rm [a]:b\nC rms [a]\nC get [a]:b"
    yield b"c link\nt link\nt main peer\nT\nD 5 40\nD A 99\nD T\np on=/tmp/x\np off\nr\nR\nS\nQ"
    yield b"d 0011223344556677:8899aabbccddeeff 12345678\nM active\nM passive\ns"
    yield b"? 0123456789abcdef C set [peer]:Authentication=secret force\n? 01234567 S"
    yield from (_as_commands(path) for path in _files())


def _as_commands(path: Path) -> bytes:
    written = Bindings.parse(path.read_text(encoding="utf-8"), "f").written()
    lines = (f"C set [{one.section}]:{one.tag}={one.value} force" for one in written)
    return "\n".join(lines).encode()


def _words_of_commands() -> Iterator[bytes]:
    yield from (b"C set [", b"]:", b" force", b"C add ", b"C rmv ", b"C rms ", b"C get ", b"? ")
    yield from _words_of_configurations()


# The command line


def command_line(octets: bytes) -> None:
    """Read words, which NUL divides: options a daemon can start with, or a mistake."""
    words = [os.fsdecode(word) for word in octets.split(b"\0")]
    with contextlib.suppress(UsageError):
        options, asked = read_command_line(words)
        assert asked <= {"check", "help", "version"}
        assert 0 < options.port < 65536
        assert 0 < options.nat_t_port < 65536
        assert set(options.families) <= {4, 6}
        assert options.seed is None or options.foreground


def _command_lines() -> Iterator[bytes]:
    yield b"-d\0-v\0-K\0-c\0isakmpd.conf\0--run-dir\0run"
    yield b"-46dKLnSTva\0-p5000\0-N\x004501\0-D\x005=40\0-f-\0-r\0seed"
    yield b"--check\0-l\0pcap\0-R\0report\0-i\0pid\0-P\x00500"
    yield b"--help\0--version\0--\0more"


def _words_of_command_lines() -> Iterator[bytes]:
    return (os.fsencode(flag.written) for flag in FLAGS)


# What arrives from the network


def wire(octets: bytes) -> None:
    """Decode a message: what decodes survives the wire, all else is Malformed."""
    with contextlib.suppress(Malformed):
        header, body = decode_header(octets)
        decode_header(header.encode(body))
        chain = decode_chain(header.next_payload, body)
        first = chain.payloads[0].type_on_wire if chain.payloads else header.next_payload
        again = decode_chain(first, encode_chain(chain.payloads))
        assert again.payloads == chain.payloads
        str(chain.payloads)


def _messages() -> Iterator[bytes]:
    recorded = ROOT / "tests" / "vectors" / "handshake.json"
    text = recorded.read_text(encoding="utf-8") if recorded.exists() else ""
    for word in text.split('"'):
        with contextlib.suppress(ValueError):
            octets = bytes.fromhex(word)
            if len(octets) >= 28:
                yield octets


def _no_words() -> Iterator[bytes]:
    return iter(())


TARGETS: dict[str, Target] = {
    "configuration": Target(configuration, _configurations, _words_of_configurations),
    "commands": Target(commands, _commands, _words_of_commands),
    "command-line": Target(command_line, _command_lines, _words_of_command_lines),
    "wire": Target(wire, _messages, _no_words),
    "certificates": Target(certificates, some_certificates, _no_words),
    "names": Target(names, some_names, _no_words),
}
