"""Cut what comes out of the FIFO into lines, whatever a writer does to them."""

from __future__ import annotations

from typing import Final

from isakmpd.control.commands import BadCommand, Command, parse


class CommandStream:
    """Read each line however its octets arrive; of one without an end a bounded part is kept.

    The bound is the kernel's PIPE_BUF: the FIFO keeps a line whole that is written at once and no
    longer, newline included.
    """

    LONGEST_LINE: Final = 4096  # octets

    def __init__(self) -> None:
        self._begun = bytearray()
        self._overlong = False

    def feed(self, octets: bytes) -> list[Command | BadCommand]:
        """Take octets and read every line they complete; blank lines mean nothing."""
        *ended, begun = octets.split(b"\n")
        found = [self._end(piece) for piece in ended]
        self._begin(begun)
        return [one for one in found if one is not None]

    def _end(self, piece: bytes) -> Command | BadCommand | None:
        self._begin(piece)
        line, overlong = bytes(self._begun), self._overlong
        self._begun.clear()
        self._overlong = False
        if overlong:
            return BadCommand(
                "ui_handle_messages: a line longer than the FIFO keeps whole is ignored,"
                f" expected at most {self.LONGEST_LINE} octets"
            )
        return _read(line) if line.strip() else None

    def _begin(self, piece: bytes) -> None:
        if self._overlong or len(self._begun) + len(piece) > self.LONGEST_LINE:
            self._overlong = True
            self._begun.clear()
        else:
            self._begun += piece


def _read(line: bytes) -> Command | BadCommand:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = "\0"
    if not text.rstrip().replace("\t", " ").isprintable():
        return BadCommand(
            "ui_handle_messages: a line that is not text is ignored, expected printable UTF-8"
        )
    return parse(text)
