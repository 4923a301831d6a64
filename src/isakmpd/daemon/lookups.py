"""Remember what interface names stood for when a configuration was read."""

from __future__ import annotations

from collections.abc import Callable

from isakmpd.daemon.interfaces import address_of_interface, netmask_of_interface
from isakmpd.wire.addresses import Address

_Question = tuple[str, str, int]  # what is asked, of which interface, in which family

_ASK: dict[str, Callable[[str, int], Address | None]] = {
    "address": address_of_interface,
    "netmask": netmask_of_interface,
}


class Lookups:
    """Answer for one reading of a configuration, each question once.

    An interface that has lost its address stands for the one it had in the reading ``before``: a
    cable that is pulled takes no connection out of the configuration.
    """

    def __init__(self, before: Lookups | None = None) -> None:
        self._before = before._answers if before is not None else {}
        self._answers: dict[_Question, Address | None] = {}

    def address(self, name: str, family: int) -> Address | None:
        """Give an address of an interface or of ``default``; family 0 means either."""
        return self._answer("address", name, family)

    def netmask(self, name: str, family: int) -> Address | None:
        """Give the mask of that address."""
        return self._answer("netmask", name, family)

    def changes(self) -> tuple[str, ...]:
        """Tell, in half a sentence each, which answers would be others by now."""
        found: dict[str, None] = {}
        for (kind, name, family), answer in self._answers.items():
            fresh = _ASK[kind](name, family)
            if fresh is not None and fresh != answer:
                found[f"{name} has {fresh}{f' instead of {answer}' if answer else ''}"] = None
        return tuple(found)

    def _answer(self, kind: str, name: str, family: int) -> Address | None:
        question = kind, name, family
        if question not in self._answers:
            self._answers[question] = _ASK[kind](name, family) or self._before.get(question)
        return self._answers[question]
