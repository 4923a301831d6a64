"""Ask for and change single tags of the running configuration.

The FIFO's grammar ends a tag and a value at the first blank, so those with blanks are refused here
rather than cut there.
"""

from __future__ import annotations

import sys
from argparse import Namespace

from isakmpd.cli.fifo_client import ControlError, FifoClient
from isakmpd.cli.outcomes import carry_out, done, is_terminal, refusal

FROM_STANDARD_INPUT = "-"
_LONGEST_VALUE = 4096
_UNTIL = " until the configuration is read again"


def get_value(client: FifoClient, given: Namespace) -> int:
    """Print what a tag says."""
    section, tag = _place(given)
    answer = client.ask(f"C get [{section}]:{tag}")
    if not answer.ok:
        raise refusal(answer)
    if not answer.result:
        raise ControlError(f"nothing sets [{section}]:{tag}")
    return done(answer.result.removesuffix("\n"))


def set_value(client: FifoClient, given: Namespace) -> int:
    """Set a tag until the configuration is read again."""
    section, tag = _place(given)
    value = _from_standard_input(given) if given.value == FROM_STANDARD_INPUT else given.value
    force = " force" if given.force else ""
    command = f"C set [{section}]:{tag}={_one_word(value, section, tag)}{force}"
    try:
        return carry_out(client, command, f"[{section}]:{tag} is set{_UNTIL}")
    except ControlError as refused:
        if "duplicate tag" in str(refused):
            raise ControlError(f"[{section}]:{tag} is set already; --force replaces it") from None
        raise


def add_element(client: FifoClient, given: Namespace) -> int:
    """Append to the list a tag holds."""
    section, tag = _place(given)
    value = _one_word(given.value, section, tag)
    said = f"[{section}]:{tag} has {value}{_UNTIL}"
    return carry_out(client, f"C add [{section}]:{tag}={value}", said)


def remove(client: FifoClient, given: Namespace) -> int:
    """Remove a section, a tag, or one element of the list it holds."""
    if given.tag is None:
        section = _section(given.section)
        return carry_out(client, f"C rms [{section}]", f"[{section}] is removed")
    section, tag = _place(given)
    if given.value is None:
        return carry_out(client, f"C rm [{section}]:{tag}", f"[{section}]:{tag} is removed")
    value = _one_word(given.value, section, tag)
    said = f"{value} is removed from [{section}]:{tag}"
    return carry_out(client, f"C rmv [{section}]:{tag}={value}", said)


def _place(given: Namespace) -> tuple[str, str]:
    section, tag = _section(given.section), given.tag
    if not tag or " " in tag or "=" in tag:
        raise ControlError(f'"{tag}" is no tag, expected a word without blanks and =')
    return section, tag


def _section(name: str) -> str:
    """Take a section's name with or without its brackets."""
    section = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    if not section or "]" in section:
        raise ControlError(f'"{name}" is no section, expected a name without ]')
    return section


def _one_word(value: str, section: str, tag: str) -> str:
    """Pass what the FIFO carries; the value may be a secret and is not repeated."""
    if not value:
        raise ControlError(
            f"an empty value cannot go through the FIFO; isakmpctl rm {section} {tag} removes"
            " what is there"
        )
    if " " in value:
        raise ControlError(
            f"a value with blanks cannot go through the FIFO: write [{section}]:{tag} into the"
            " configuration file, and isakmpctl reload"
        )
    return value


def _from_standard_input(given: Namespace) -> str:
    if sys.stdin is None:
        raise ControlError("no value can be read: standard input is closed")
    if is_terminal(sys.stdin):
        from getpass import getpass  # noqa: PLC0415  only people wait for it

        return getpass(f"Value of [{given.section}]:{given.tag}: ")
    return sys.stdin.read(_LONGEST_VALUE + 1).removesuffix("\n")
