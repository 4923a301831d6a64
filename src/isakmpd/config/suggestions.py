"""Suggest what an author may have meant: "did you mean", and only what could be used."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Iterable

_MOST = 20  # searches in one reading: among thousands of generated names each takes a while
_MOST_COMPARED = 200_000  # names in one reading
_MOST_NEAR = 200
_LONGEST = 200  # characters: nobody misspells more, and comparing them takes their square
_ALIKE = 0.75


def anything(name: str) -> bool:
    """Find every name usable."""
    del name
    return True


class Suggestions:
    """Answer each question of one reading once, up to a number of questions and comparisons."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Hashable], str] = {}
        self._left = _MOST_COMPARED

    def did_you_mean(
        self,
        seen: str,
        candidates: Iterable[str],
        usable: Callable[[str], bool] = anything,
        among: Hashable = None,
    ) -> str:
        """Suggest the ``nearest``, as the end of a sentence; empty if none is near."""
        near = self.nearest(seen, candidates, usable, among)
        return f'; did you mean "{near}"?' if near else ""

    def nearest(
        self,
        seen: str,
        candidates: Iterable[str],
        usable: Callable[[str], bool] = anything,
        among: Hashable = None,
    ) -> str:
        """Find the nearest usable candidate, empty if none is near.

        ``among`` stands for candidates that are many and always the same: they may be a generator,
        which is left alone where no search is due.
        """
        if len(seen) > _LONGEST:
            return ""
        choice = None if among is not None else tuple(candidates)
        key = (seen, choice or among)
        if key not in self._known:
            if len(self._known) == _MOST or self._left <= 0:
                return ""
            choice = tuple(candidates) if choice is None else choice
            self._left -= len(choice)
            self._known[key] = _nearest(seen.lower(), choice, usable)
        return self._known[key]


def _nearest(seen: str, candidates: Iterable[str], usable: Callable[[str], bool]) -> str:
    alike = (each for each in candidates if abs(len(each) - len(seen)) <= 6)
    spellings = {each.lower(): each for each in alike}
    near = difflib.get_close_matches(seen, spellings, _MOST_NEAR, _ALIKE)
    return next((spellings[each] for each in near if usable(spellings[each])), "")
