"""Read sections with an eye on their author: every fault names a line and what was expected."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar, cast

from isakmpd.config.bindings import GENERATED, Bindings
from isakmpd.config.constants import Vocabulary
from isakmpd.config.generated import decided_by
from isakmpd.config.lexer import HIDDEN, Binding, split_list, without_key
from isakmpd.config.model import OfferAccept, Problem
from isakmpd.config.services import well_known_port
from isakmpd.config.suggestions import Suggestions, anything
from isakmpd.config.support import recommendable, refusal, refused_name
from isakmpd.crypto.secret import Secret
from isakmpd.wire.addresses import Address
from isakmpd.wire.numbers import OpenEnum

T = TypeVar("T")
E = TypeVar("E", bound=OpenEnum)
Place = tuple[str, int]  # file and line
ANY = "ANY"  # where a peer's choice will do

Names = Callable[[], Iterable[str]]
Default = tuple[str, str]  # what is used, and what the original used

_BUILT_IN: Place = (GENERATED, 0)
_MOST_NAMES = 5
_OFFER_ACCEPT = re.compile(r"(\d{1,10})\s*(?:,\s*(\d{1,10})\s*:\s*(\d{1,10}))?", re.ASCII)


class ConfigError(Exception):
    """Say what is wrong with a section, so that it is left out."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def no_names() -> tuple[str, ...]:
    """List no names."""
    return ()


def nothing(name: str, family: int) -> Address | None:
    """Know no interface: the default for whoever reads without a machine around."""
    del name, family
    return None


@dataclass(frozen=True, slots=True)
class Machine:
    """Say what a configuration leaves to the machine it runs on.

    ``address`` and ``netmask`` look up an interface or ``default``; family 0 means either.
    """

    default_port: int = 500
    address: Callable[[str, int], Address | None] = nothing
    netmask: Callable[[str, int], Address | None] = nothing
    service: Callable[[str], int | None] = well_known_port


@dataclass
class Reading:
    """Carry one reading of all bindings: what was found wrong, left out and asked for."""

    bindings: Bindings
    machine: Machine
    reported: dict[Problem, None] = field(default_factory=dict)
    warnings: dict[Problem, None] = field(default_factory=dict)
    misspellings: dict[Problem, None] = field(default_factory=dict)  # some of the warnings
    keys_by_id: dict[str, Secret] = field(default_factory=dict)  # by an identity's text
    relied_on: dict[Default, dict[str, Problem]] = field(default_factory=dict)  # by section
    _left_out: dict[Problem, dict[tuple[str, str], None]] = field(default_factory=dict)
    _results: dict[tuple[str, str], object] = field(default_factory=dict)
    _faulty: set[str] = field(default_factory=set)
    _sections: dict[str, Section] = field(default_factory=dict)
    _suggestions: Suggestions = field(default_factory=Suggestions)

    def section(self, name: str, via: Place = _BUILT_IN) -> Section:
        """Open a section; ``via`` is the place to blame where nobody wrote the section itself."""
        key = name.lower()
        opened = self._sections.get(key)
        if opened is None:
            written = self.bindings.written_in(key)
            spelling = next(iter(written.values())).section if written else name
            opened = Section(self, spelling, via, key, written)
            self._sections[key] = opened
        return opened

    def once(self, kind: str, section: Section, build: Callable[[Section], T]) -> T:
        """Build what a section means, the first time it is asked for.

        Raises ConfigError, every time, where the section has one; what it means is then left out.
        """
        key = (kind, section.key)
        if key not in self._results:
            try:
                self._results[key] = build(section)
            except ConfigError as fault:
                self.leave_out(kind, section.name, fault.problem)
                self._results[key] = fault.problem
        result = self._results[key]
        if isinstance(result, Problem):
            raise ConfigError(result)
        return cast(T, result)

    def built(self, kind: str, of: type[T]) -> list[T]:
        """List everything of a kind that ``once`` has built."""
        results = [result for (built, _), result in self._results.items() if built == kind]
        return [result for result in results if isinstance(result, of)]

    def leave_out(self, kind: str, name: str, problem: Problem) -> None:
        """Remember what a problem costs."""
        self._left_out.setdefault(problem, {})[kind, without_key(name)] = None
        self._faulty.add(name.lower())

    def problems(self) -> list[Problem]:
        """List each fault once, with everything that is left out because of it."""
        listed = list(self.reported)
        for problem, costs in self._left_out.items():
            text = f"{problem.text}; {_left_out(list(costs))} left out"
            listed.append(Problem(problem.file, problem.line, text))
        return listed

    def rely(self, section: Section, tag: str, default: Default) -> None:
        """Note that a section lacks a tag, so that a default is used that was another."""
        used, original = default
        missing = f"[{section.name}]:{tag} is missing"
        text = f"{missing}: {used} is used, where the original used {original}"
        self.relied_on.setdefault(default, {})[section.key] = Problem(*section.place(tag), text)

    def asked_of(self, name: str) -> Mapping[str, str]:
        """Give the tags that were asked of a section, by their lower case."""
        opened = self._sections.get(name.lower())
        return opened.asked if opened is not None else {}

    def faulty(self) -> Set[str]:
        """Give the sections that were left out for a fault, in lower case."""
        return self._faulty

    def is_faulty(self, name: str) -> bool:
        """Tell whether a section was left out for a fault."""
        return name.lower() in self._faulty

    def nearest(self, seen: str, candidates: Iterable[str]) -> str:
        """Find the candidate somebody may have meant; empty if none is near."""
        return self._suggestions.nearest(seen, candidates)

    def did_you_mean(
        self,
        seen: str,
        candidates: Iterable[str],
        usable: Callable[[str], bool] = anything,
        among: Hashable = None,
    ) -> str:
        """Suggest the nearest usable candidate, as the end of a sentence; empty if none is near."""
        return self._suggestions.did_you_mean(seen, candidates, usable, among)


@dataclass(slots=True, eq=False)
class Section:
    """View one section, written, generated or both; ``key`` and ``written`` are in lower case."""

    reading: Reading
    name: str
    via: Place
    key: str
    written: Mapping[str, Binding]
    asked: dict[str, str] = field(default_factory=dict)  # lower-case tag -> as asked for
    _generated: dict[str, str] | None = None

    def get(self, tag: str) -> str | None:
        """Give a tag's value, None where it has none."""
        key = tag.lower()
        self.asked[key] = tag
        binding = self.written.get(key)
        if binding is not None:
            return binding.value
        if self._generated is None:
            generated = self.reading.bindings.generated_in(self.key)
            self._generated = {name.lower(): value for name, value in generated.items()}
        return self._generated.get(key)

    def is_written(self, tag: str) -> bool:
        """Tell whether someone wrote a tag, rather than inheriting its default."""
        return tag.lower() in self.written

    def place(self, tag: str = "") -> Place:
        """Find the line to mend: the tag's, else the section's, else where the section is named."""
        binding = self.written.get(tag.lower()) or next(iter(self.written.values()), None)
        return (binding.file, binding.line) if binding is not None else self.via

    def problem(self, tag: str, text: str, seen: str | None = None) -> Problem:
        """Describe what is wrong with a tag; ``seen`` is the guilty part of its value.

        Where [General] has given the value its tag is to blame.
        """
        binding = self.reading.bindings.find(self.name, tag)
        general_tag = decided_by(self.name, tag)
        if general_tag is not None and binding is not None and not binding.line:
            everyone = self.reading.section("General")
            if everyone.get(general_tag) is not None:
                return everyone.problem(general_tag, text, seen)
        where = f"[{self.name}]:{tag}"
        if binding is not None:
            shown = binding.shown if seen is None else without_key(seen)
            where += f"= {shown}"
            if shown == HIDDEN and seen:
                text = text.replace(seen, HIDDEN)
        elif tag:
            where += " is missing"
            text += self._written_instead_of(tag)
        return Problem(*self.place(tag), f"{where if tag else f'[{self.name}]'}: {text}")

    def _written_instead_of(self, tag: str) -> str:
        """Point at a tag that looks like a missing one, as the end of a sentence."""
        strange = {one.tag: one for key, one in self.written.items() if key not in self.asked}
        near = self.reading.nearest(tag, strange)
        return f'; did you misspell it as "{near}" in line {strange[near].line}?' if near else ""

    def fault(self, tag: str, text: str, seen: str | None = None) -> ConfigError:
        """Make a fault of a tag, to be raised."""
        return ConfigError(self.problem(tag, text, seen))

    def warn(self, tag: str, text: str, seen: str | None = None, *, misspelt: bool = False) -> None:
        """Point out what works and should still be looked at."""
        problem = self.problem(tag, text, seen)
        self.reading.warnings[problem] = None
        if misspelt:
            self.reading.misspellings[problem] = None

    def report(self, problem: Problem) -> None:
        """Report what is wrong without leaving the section out."""
        self.reading.reported[problem] = None

    def text(self, tag: str, expected: str) -> str:
        """Give the value of a tag that must have one."""
        value = self.get(tag)
        if not value:
            raise self.fault(tag, f"expected {expected}")
        return value

    def elements(self, tag: str) -> list[str]:
        """Give the elements of a list; empty ones are dropped with a warning."""
        value = self.get(tag)
        if not value:
            return []
        elements = split_list(value)
        if "" in elements:
            self.warn(tag, "the list has an empty element, which is ignored")
        return [element for element in elements if element]

    def alternatives(self, tag: str) -> list[str]:
        """Give the elements of a list in which a second time says nothing, each once."""
        named = Counter(self.elements(tag))
        repeated = (element for element, times in named.items() if times > 1)
        for element in islice(repeated, _MOST_NAMES):
            self.warn(tag, "the list names it more than once, and once counts", element)
        return list(named)

    def flags(self, *known: str, aliases: Mapping[str, str] = {}) -> frozenset[str]:
        """Give the known flags among the Flags, in lower case; others are ignored with a word."""
        seen: set[str] = set()
        for flag in self.elements("Flags"):
            name = aliases.get(flag.lower(), flag.lower())
            if name in known:
                seen.add(name)
            else:
                near = self.reading.did_you_mean(flag, known)
                text = f"expected {' or '.join(known)}; the flag is ignored{near}"
                self.warn("Flags", text, flag, misspelt=bool(near))
        return frozenset(seen)

    def number(self, tag: str, default: int, low: int, high: int) -> int:
        """Give the number a tag holds, ``default`` where the tag is absent."""
        value = self.get(tag)
        if value is None:
            return default
        number = decimal(value)
        if number is None or not low <= number <= high:
            raise self.fault(tag, f"expected a number from {low} to {high}")
        return number

    def yes(self, tag: str) -> bool:
        """Tell whether a tag says yes; no is what an absent one says."""
        value = self.get(tag)
        if value is not None and value.lower() not in ("yes", "no"):
            raise self.fault(tag, "expected yes or no")
        return value is not None and value.lower() == "yes"

    def offer_accept(self, tag: str, unit: str) -> OfferAccept | None:
        """Give what a ``V`` or ``V,MIN:MAX`` tag offers and accepts, None where it is absent."""
        value = self.get(tag)
        if value is None:
            return None
        match = _OFFER_ACCEPT.fullmatch(value)
        if match is None:
            raise self.fault(tag, f"expected V or V,MIN:MAX in {unit}, such as 3600,60:86400")
        offer = int(match[1])
        if match[2] is None:
            return OfferAccept(offer, offer, offer)
        low, high = int(match[2]), int(match[3])
        if low > high:
            raise self.fault(tag, f"nothing is from {low} to {high}; expected MIN before MAX")
        return OfferAccept(offer, low, high, ranged=True)

    def constant(self, tag: str, vocabulary: Vocabulary[E]) -> E | None:
        """Give the number a constant's name stands for, None where the tag is absent.

        Raises ConfigError for an unknown name and for what this version does not carry out.
        """
        value = self.get(tag)
        if value is None:
            return None
        member = vocabulary.find(value)
        if member is None:
            raise self.fault(tag, self._expected(value, vocabulary))
        if reason := refusal(member):
            raise self.fault(tag, reason)
        return member

    def required_constant(self, tag: str, vocabulary: Vocabulary[E]) -> E:
        """Give the number a constant's name stands for."""
        member = self.constant(tag, vocabulary)
        if member is None:
            raise self.fault(tag, self._expected("", vocabulary))
        return member

    def follow(
        self,
        tag: str,
        name: str,
        generated: Names = no_names,
        usable: Callable[[str], bool] = anything,
    ) -> Section:
        """Open the section a tag names; ``generated`` lists names to suggest besides."""
        bindings = self.reading.bindings
        if bindings.exists(name):
            return self.reading.section(name, self.place(tag))
        if generated is not no_names and (reason := refused_name(name)):
            raise self.fault(tag, f"there is no section [{name}], and {reason}", name)

        def candidates() -> Iterator[str]:
            yield from bindings.sections()
            yield from generated()

        suggestion = self.reading.did_you_mean(
            name,
            candidates(),
            lambda near: bool(bindings.written_in(near)) or usable(near),
            among=generated,
        )
        raise self.fault(tag, f"there is no section [{name}]{suggestion}", name)

    def refuse(self, *tags: str) -> None:
        """Raise ConfigError where a tag is present that this version does not carry out."""
        for tag in tags:
            if self.get(tag) is not None:
                raise self.fault(tag, "this tag is not supported by this version")

    def pass_over(self, *tags: str) -> None:
        """Warn of each tag that someone wrote and that this version does nothing about."""
        for tag in tags:
            self.asked[tag.lower()] = tag
            if self.is_written(tag):
                self.warn(tag, "this tag is not supported by this version and does nothing")

    def _expected(self, value: str, vocabulary: Vocabulary[E]) -> str:
        usable = [n for n in vocabulary.names if recommendable(cast(E, vocabulary.find(n)))]
        choice = (
            f"expected one of {', '.join(usable)}" if len(usable) > 1 else f"expected {usable[0]}"
        )
        if reason := refused_name(value):
            return f"{reason}; {choice}"
        return choice + (self.reading.did_you_mean(value, usable) if value else "")


def decimal(text: str) -> int | None:
    """Read a decimal number of at most ten digits, None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None


def _left_out(costs: list[tuple[str, str]]) -> str:
    by_kind: dict[str, list[str]] = {}
    for kind, name in costs:
        by_kind.setdefault(kind, []).append(f"[{name}]")
    groups: list[str] = []
    for kind, names in by_kind.items():
        shown = names[:_MOST_NAMES]
        if len(names) > _MOST_NAMES:
            shown.append(f"{len(names) - _MOST_NAMES} more")
        groups.append(f"{kind}{'s' if len(names) > 1 else ''} {_and(shown)}")
    return f"{_and(groups)} {'are' if len(costs) > 1 else 'is'}"


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
