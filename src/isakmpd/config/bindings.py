"""Hold the sections and tags of a running daemon, and change them the way ``C`` commands do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from isakmpd.config.generated import DEFAULT_DIRECTORY, Surroundings, generated_tags
from isakmpd.config.lexer import BLANKS, Binding, lex, split_list
from isakmpd.config.model import Problem

GENERATED = "built-in defaults"


@dataclass(frozen=True, slots=True)
class SetValue:
    """Give a tag a value; ``force`` replaces one that is there."""

    section: str
    tag: str
    value: str = field(repr=False)
    force: bool = False


@dataclass(frozen=True, slots=True)
class AddElement:
    """Append an element to a list, unless the list has it."""

    section: str
    tag: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoveElement:
    """Take an element out of a list; with the last one goes the tag."""

    section: str
    tag: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoveTag:
    """Remove a tag."""

    section: str
    tag: str


@dataclass(frozen=True, slots=True)
class RemoveSection:
    """Remove all tags of a section."""

    section: str


Change = SetValue | AddElement | RemoveElement | RemoveTag | RemoveSection


class Bindings:
    """Answer what a tag says: what someone wrote, else the generated default, tag by tag.

    A generated default never stands in the way of a value and cannot be removed; removing the
    value that covers it shows it again. ``directory``, which defaults name, is that of the file.
    """

    def __init__(
        self,
        written: Iterable[Binding] = (),
        problems: Iterable[Problem] = (),
        warnings: Iterable[Problem] = (),
        directory: str = DEFAULT_DIRECTORY,
    ) -> None:
        self.problems = tuple(problems)  # the lines that never became bindings
        self.warnings = tuple(warnings)  # those that may not be what somebody meant
        self._surroundings = Surroundings(self._value, directory)
        self._written: dict[str, dict[str, Binding]] = {}
        for section, bindings in groupby(written, lambda binding: binding.section):
            tags = self._section(section)
            for binding in bindings:
                tags.setdefault(binding.tag.lower(), binding)

    @property
    def directory(self) -> str:
        """Give the directory of the file, from which its relative paths count."""
        return self._surroundings.directory

    @classmethod
    def parse(cls, text: str, file: str, directory: str = DEFAULT_DIRECTORY) -> Bindings:
        """Read the text of a configuration file, which is named ``file`` in complaints."""
        lexed = lex(text, file)
        return cls(lexed.bindings, lexed.problems, lexed.warnings, directory)

    def copy(self) -> Bindings:
        """Give bindings that change apart from these."""
        return Bindings(self.written(), self.problems, self.warnings, self.directory)

    def written(self) -> Iterator[Binding]:
        """List everything but generated defaults, section by section."""
        for tags in self._written.values():
            yield from tags.values()

    def sections(self) -> list[str]:
        """List the sections someone wrote, as first spelled."""
        return [next(iter(tags.values())).section for tags in self._written.values()]

    def each(self, tag: str) -> Iterator[Binding]:
        """List what someone wrote of a tag, section by section."""
        key = tag.lower()
        return (tags[key] for tags in self._written.values() if key in tags)

    def spelling(self, section: str) -> str:
        """Give a section's name as it was first written, or as asked where nobody wrote it."""
        for binding in self._written.get(section.lower(), {}).values():
            return binding.section
        return section

    def written_in(self, section: str) -> Mapping[str, Binding]:
        """Give what someone wrote into a section, by lower-case tag."""
        return self._written.get(section.lower(), {})

    def generated_in(self, section: str) -> Mapping[str, str]:
        """Give the generated defaults of a section, by tag."""
        return generated_tags(section, self._surroundings)

    def exists(self, section: str) -> bool:
        """Tell whether a section has any tag, written or generated."""
        return section.lower() in self._written or bool(self.generated_in(section))

    def find(self, section: str, tag: str) -> Binding | None:
        """Find what a tag says and where; a generated default comes with line 0."""
        if written := self._written.get(section.lower(), {}).get(tag.lower()):
            return written
        for name, value in self.generated_in(section).items():
            if name.lower() == tag.lower():
                return Binding(section, name, value, GENERATED, 0)
        return None

    def get(self, section: str, tag: str) -> str | None:
        """Give what a tag says, None where it says nothing."""
        binding = self.find(section, tag)
        return binding.value if binding else None

    def elements(self, section: str, tag: str) -> list[str]:
        """Give the elements of a list, without empty ones."""
        return [element for element in split_list(self.get(section, tag) or "") if element]

    def apply(self, changes: Iterable[Change], origin: str = "FIFO") -> tuple[str, ...]:
        """Carry out the changes of one transaction in order; give a sentence for each one refused.

        ``origin`` stands where problems found later name a file.
        """
        refusals = (self._apply(change, origin) for change in changes)
        return tuple(refusal for refusal in refusals if refusal is not None)

    def _apply(self, change: Change, origin: str) -> str | None:
        match change:
            case SetValue():
                return self._set(change, origin)
            case AddElement():
                return self._add(change, origin)
            case RemoveElement():
                return self._remove_element(change, origin)
            case RemoveTag(section, tag):
                return self._remove(section, tag)
            case RemoveSection(section):
                if self._written.pop(section.lower(), None) is None:
                    return f"conf_remove_section_now: no section [{section}], ignoring..."
        return None

    def _set(self, change: SetValue, origin: str) -> str | None:
        present = self._written.get(change.section.lower(), {}).get(change.tag.lower())
        if present and not change.force:
            return f"conf_set_now: duplicate tag [{present.section}]:{present.tag}, ignoring..."
        return self._write(change.section, change.tag, change.value, origin)

    def _add(self, change: AddElement, origin: str) -> str | None:
        present = self.elements(change.section, change.tag)
        if change.value in present:
            return None
        value = ",".join([*present, change.value])
        return self._write(change.section, change.tag, value, origin)

    def _remove_element(self, change: RemoveElement, origin: str) -> str | None:
        present = self.elements(change.section, change.tag)
        left = [element for element in present if element != change.value]
        if left == present:
            return (
                f"conf_remove_now: no such element in [{change.section}]:{change.tag}, ignoring..."
            )
        if not left:
            return self._remove(change.section, change.tag)
        return self._write(change.section, change.tag, ",".join(left), origin)

    def _remove(self, section: str, tag: str) -> str | None:
        tags = self._written.get(section.lower(), {})
        if tags.pop(tag.lower(), None) is None:
            what = "only a built-in default for" if self.find(section, tag) else "no tag"
            return f"conf_remove_now: {what} [{section}]:{tag}, ignoring..."
        if not tags:
            del self._written[section.lower()]
        return None

    def _write(self, section: str, tag: str, value: str, origin: str) -> str | None:
        if "]" in section or not tag or set(tag) & set(f"{BLANKS}\n="):
            return f"conf_set_now: no configuration can name [{section}]:{tag}, ignoring..."
        section = self.spelling(section)
        self._section(section)[tag.lower()] = Binding(section, tag, value, origin, 0)
        return None

    def _section(self, section: str) -> dict[str, Binding]:
        return self._written.setdefault(section.lower(), {})

    def _value(self, section: str, tag: str) -> str | None:
        binding = self._written.get(section.lower(), {}).get(tag.lower())
        return binding.value if binding else None
