"""What is in force is always whole: faults are told, and never replace what works."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from isakmpd.config.bindings import AddElement, Change, RemoveSection, SetValue
from isakmpd.daemon import lookups
from isakmpd.daemon.configuration import LiveConfiguration, UnusableError
from isakmpd.daemon.opener import Opener, open_ourselves
from isakmpd.daemon.options import Options
from tests.daemon.loopback import configuration

Live = tuple[LiveConfiguration, list[str]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A good configuration file."""
    path = tmp_path / "isakmpd.conf"
    path.touch(0o600)
    path.write_text(configuration("west"))
    return path


@pytest.fixture
def live(file: Path) -> Live:
    """It is read, and the lines logged about it are collected."""
    lines: list[str] = []
    return LiveConfiguration(Options(configuration_file=file, policy=False), lines.append), lines


def test_a_file_is_read_at_once(live: Live) -> None:
    """Nothing is said about a good one."""
    held, lines = live
    assert list(held.current.connections) == ["link"]
    assert lines == []


def test_a_fault_at_start_leaves_its_section_out(file: Path) -> None:
    """It is told with file and line, and everything else works."""
    text = configuration("west", ("link", "other"))
    file.write_text(text.replace("Local-ID=\t\tother-west", "Local-ID=\t\tnowhere"))
    lines: list[str] = []
    held = LiveConfiguration(Options(configuration_file=file, policy=False), lines.append)
    assert list(held.current.connections) == ["link"]
    line = file.read_text().splitlines().index("Local-ID=\t\tnowhere") + 1
    assert len(lines) == 1
    assert lines[0].startswith(f"{file}:{line}: [other]:Local-ID= nowhere: there is no section")


def test_without_any_file_the_defaults_apply(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where none was named; a line says so."""
    missing = tmp_path / "isakmpd.conf"
    monkeypatch.setattr("isakmpd.daemon.configuration.DEFAULT_CONFIGURATION", missing)
    lines: list[str] = []
    held = LiveConfiguration(Options(policy=False), lines.append)
    assert held.current.connections == {}
    assert lines == [f"{missing}: there is no such file, built-in defaults apply"]


def no_rights(path: Path, flags: int) -> int:
    """Open nothing, as for whoever may not read a file."""
    del flags
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("mode", "opener", "reason"),
    [
        (0o640, open_ourselves, " has mode 0640 and may hold secrets, expected 0600: chmod 600 {}"),
        (0o600, no_rights, ": Permission denied"),
    ],
)
def test_a_file_that_cannot_be_used_is_no_start(
    file: Path, monkeypatch: pytest.MonkeyPatch, named: bool, mode: int, opener: Opener, reason: str
) -> None:
    """Whether it is the default or named: nobody shall believe that it counts."""
    monkeypatch.setattr("isakmpd.daemon.configuration.DEFAULT_CONFIGURATION", file)
    file.chmod(mode)
    options = Options(configuration_file=file if named else None, policy=False)
    lines: list[str] = []
    with pytest.raises(UnusableError) as refused:
        LiveConfiguration(options, lines.append, opener)
    assert str(refused.value) == f"{file}{reason.format(file)}"
    assert lines == []


def test_a_default_file_that_is_gone_leaves_the_last_good_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there and is missing is a fault; what was never there is not."""
    monkeypatch.setattr("isakmpd.daemon.configuration.DEFAULT_CONFIGURATION", file)
    lines: list[str] = []
    held = LiveConfiguration(Options(policy=False), lines.append)
    before = held.current
    file.unlink()
    assert not held.reload()
    assert held.current is before
    assert lines == [f"{file}: there is no such file; the last good configuration stays in force"]


def test_without_any_file_a_reload_voids_what_c_has_changed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It rebuilds always: from defaults where there is no file, from one as soon as there is."""
    text = file.read_text()
    file.unlink()
    monkeypatch.setattr("isakmpd.daemon.configuration.DEFAULT_CONFIGURATION", file)
    held = LiveConfiguration(Options(policy=False), lambda _: None)
    assert held.change(SetValue("General", "Retransmits", "9"))
    assert held.settle()
    assert held.reload()
    assert held.bindings.get("General", "Retransmits") == "3"
    file.touch(0o600)
    file.write_text(text.replace("[General]", "[General]\nRetransmits= 7"))
    assert held.reload()
    assert held.current.general.retransmits == 7
    assert list(held.current.connections) == ["link"]


def test_the_directory_of_a_named_file_serves_the_defaults(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of one named from where the daemon was started, which it may leave."""
    monkeypatch.chdir(file.parent)
    options = Options(configuration_file=Path(file.name), policy=False)
    held = LiveConfiguration(options, lambda _: None)
    assert held.bindings.get("X509-certificates", "CA-directory") == f"{file.parent}/ca/"
    assert held.bindings.get("General", "Policy-file") == f"{file.parent}/isakmpd.policy"
    monkeypatch.chdir("/")
    file.write_text(configuration("west", ("link", "other")))
    assert held.reload()
    assert list(held.current.connections) == ["link", "other"]
    assert held.bindings.get("KeyNote", "Credential-directory") == f"{file.parent}/keynote/"


def test_a_reload_takes_the_new_file(live: Live, file: Path) -> None:
    """And with it forgets what C commands have changed."""
    held, lines = live
    assert held.change(SetValue("General", "Retransmits", "9", True))
    assert held.settle()
    file.write_text(configuration("west", ("link", "other")))
    assert held.reload()
    assert list(held.current.connections) == ["link", "other"]
    assert held.current.general.retransmits == 3
    assert lines == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "Local-ID=\t\tlink-west",
            "Local-ID= nowhere",
            "[link]:Local-ID= nowhere: there is no section [nowhere]",
        ),
        ("127.0.0.2= ", "127.0.0.999= ", "[Phase 1]:127.0.0.999"),
        ("[main-mode]", "[main-mode", "expected"),
        ("AES-SHA-GRP14", "ROT13-SHA", "ROT13-SHA"),
    ],
)
def test_a_faulty_file_replaces_nothing(
    live: Live, file: Path, old: str, new: str, fault: str
) -> None:
    """Every fault is told, then that the last good configuration stays."""
    held, lines = live
    before = held.current
    file.write_text(configuration("west").replace(old, new))
    assert not held.reload()
    assert held.current is before
    assert held.bindings.get("link", "Local-ID") == "link-west"
    assert lines[0].startswith(f"{file}:")
    assert any(fault in line for line in lines)
    assert lines[-1] == "the configuration has faults; the last good one stays in force"


def test_a_file_that_wants_a_policy_replaces_nothing(file: Path) -> None:
    """It was read without one; nobody shall find it asked for and not obeyed."""
    file.write_text(configuration("west", general="Use-Keynote= no"))
    lines: list[str] = []
    held = LiveConfiguration(Options(configuration_file=file), lines.append)
    before = held.current
    file.write_text(configuration("west"))
    assert not held.reload()
    assert held.current is before
    assert len(lines) == 1
    assert lines[0].startswith("policy files are not supported by this version: start with -K")


def test_c_changes_come_into_force_together(live: Live) -> None:
    """A change that is not complete is held, in silence, until it is."""
    held, lines = live
    before = held.current
    changes: list[Change] = [
        SetValue("late", "Phase", "2"),
        SetValue("late", "Configuration", "quick-mode"),
        SetValue("late", "Local-ID", "link-west"),
        SetValue("late", "Remote-ID", "link-east"),
        AddElement("Phase 2", "Connections", "late"),
    ]
    for change in changes:
        assert held.change(change)
    assert not held.settle()
    assert held.current is before
    assert lines == []
    held.change(SetValue("late", "ISAKMP-peer", "east"))
    assert held.settle()
    assert held.current.connections["late"].always_up
    assert lines == []


def test_a_fault_that_c_brings_is_told_once(live: Live) -> None:
    """With what it means, and so is its end."""
    held, lines = live
    held.change(SetValue("link", "Local-ID", "nowhere", True))
    assert not held.settle()
    held.tell_held()
    held.tell_held()
    assert len(lines) == 2
    assert lines[0].startswith("FIFO: [link]:Local-ID= nowhere: there is no section [nowhere]")
    assert lines[1] == "what C commands have changed comes into force once this is mended"
    held.change(SetValue("link", "Local-ID", "link-west", True))
    assert held.settle()
    held.tell_held()
    held.change(SetValue("link", "Local-ID", "link-west", True))
    assert held.settle()
    assert lines[2:] == ["what C commands have changed is in force"]


def test_a_fault_known_from_the_start_holds_nothing_up(file: Path) -> None:
    """It was told then; other changes come into force."""
    text = configuration("west", ("link", "other"))
    file.write_text(text.replace("Local-ID=\t\tother-west", "Local-ID=\t\tnowhere"))
    lines: list[str] = []
    held = LiveConfiguration(Options(configuration_file=file, policy=False), lines.append)
    held.change(SetValue("General", "Retransmits", "9", True))
    assert held.settle()
    assert held.current.general.retransmits == 9
    assert len(lines) == 1


def test_a_refused_change_is_told(live: Live) -> None:
    """Setting twice takes force; removing takes something to remove."""
    held, lines = live
    assert not held.change(SetValue("link", "Phase", "1"))
    assert not held.change(RemoveSection("nowhere"))
    assert lines == [
        "conf_set_now: duplicate tag [link]:Phase, ignoring...",
        "conf_remove_section_now: no section [nowhere], ignoring...",
    ]


@pytest.mark.parametrize(
    ("tag", "value", "sentence"),
    [
        ("Use-Keynote", "yes", "policy files are not supported by this version"),
        ("IPsec-stack", "xfrm", "[General]:IPsec-stack= xfrm is not supported by this version"),
    ],
)
def test_c_cannot_ask_for_what_there_is_not(
    file: Path, tag: str, value: str, sentence: str
) -> None:
    """As at start, but the daemon goes on without."""
    file.write_text(configuration("west", general="Use-Keynote= no"))
    lines: list[str] = []
    held = LiveConfiguration(Options(configuration_file=file), lines.append)
    before = held.current
    held.change(SetValue("General", tag, value, True))
    assert not held.settle()
    held.tell_held()
    assert held.current is before
    assert lines[0].startswith(f"FIFO: {sentence}")


@pytest.mark.parametrize("what", ["missing", "open to others"])
def test_an_unusable_file_is_no_start_and_no_reload(live: Live, file: Path, what: str) -> None:
    """At start it is fatal, at reload the last good one stays."""
    held, lines = live
    if what == "missing":
        file.unlink()
        sentence = f"{file}: there is no such file"
    else:
        file.chmod(0o644)
        sentence = f"{file} has mode 0644 and may hold secrets, expected 0600: chmod 600 {file}"
    before = held.current
    assert not held.reload()
    assert held.current is before
    assert lines == [f"{sentence}; the last good configuration stays in force"]
    with pytest.raises(UnusableError) as refused:
        LiveConfiguration(Options(configuration_file=file, policy=False), lines.append)
    assert str(refused.value) == sentence


def test_a_reload_bears_the_faults_that_were_there_before(file: Path) -> None:
    """A file the daemon started with can be read again, and brings what else it says."""
    faulty = "[odd]\nPhase= 2\nISAKMP-peer= nobody\n"
    file.write_text(configuration("west") + faulty)
    lines: list[str] = []
    held = LiveConfiguration(Options(configuration_file=file, policy=False), lines.append)
    (fault,) = held.current.problems
    file.write_text("# a line more\n" + configuration("west", ("link", "other")) + faulty)
    assert held.reload()
    assert list(held.current.connections) == ["link", "other"]
    assert [problem.text for problem in held.current.problems] == [fault.text]
    file.write_text(configuration("west", ()) + faulty + "[odd]\nLocal-ID\n")
    assert not held.reload()
    assert list(held.current.connections) == ["link", "other"]


def test_a_file_that_is_none_fills_no_log(file: Path, live: Live) -> None:
    """Neither at the start nor at a reload."""
    held, lines = live
    file.write_text("x\n" * 100_000)
    assert not held.reload()
    assert len(lines) == 202
    assert lines[-2:] == [
        "99800 more lines like these are left out",
        "the configuration has faults; the last good one stays in force",
    ]
    lines.clear()
    LiveConfiguration(Options(configuration_file=file, policy=False), lines.append)
    assert lines[-1] == "99800 more lines like these are left out"


class TestInterfaces:
    """What names an interface follows it; what works is not given up for it."""

    @pytest.fixture
    def wan(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """Hold the address of interface `wan`."""
        addresses = ["127.0.0.1"]

        def ask(name: str, _family: int) -> IPv4Address | None:
            return IPv4Address(addresses[0]) if addresses and name == "wan" else None

        monkeypatch.setattr(lookups, "_ASK", {"address": ask, "netmask": ask})
        return addresses

    @pytest.fixture
    def named(self, file: Path, wan: list[str]) -> Live:  # noqa: ARG002
        """The peer's Local-address is that of the interface."""
        file.write_text(f"{configuration('west')}\n[east]\nLocal-address= wan\n")
        lines: list[str] = []
        held = LiveConfiguration(Options(configuration_file=file, policy=False), lines.append)
        assert lines == []
        return held, lines

    @staticmethod
    def local(held: LiveConfiguration) -> str:
        """Tell what is in force."""
        return str(held.current.peers["east"].local_address)

    def test_another_address_comes_into_force(self, named: Live, wan: list[str]) -> None:
        """Once, and it is said."""
        held, lines = named
        assert not held.look_again()
        wan[:] = ["127.0.0.7"]
        assert held.look_again()
        assert self.local(held) == "127.0.0.7"
        assert not held.look_again()
        assert lines == [
            "the configuration follows the interfaces: wan has 127.0.0.7 instead of 127.0.0.1"
        ]

    def test_no_address_changes_nothing(self, named: Live, wan: list[str], file: Path) -> None:
        """Neither now nor at a reload, nor for C commands."""
        held, lines = named
        wan.clear()
        assert not held.look_again()
        assert held.reload()
        assert held.change(SetValue("General", "Retransmits", "9", True))
        assert held.settle()
        assert self.local(held) == "127.0.0.1"
        assert lines == []
        file.write_text(file.read_text().replace("= wan", "= lan"))
        assert not held.reload(), "an interface nobody has ever seen is a fault"

    def test_c_changes_that_wait_do_not_come_along(self, named: Live, wan: list[str]) -> None:
        """Nor do they keep the new address back; they come when they are complete."""
        held, _ = named
        assert held.change(SetValue("east", "Configuration", "nowhere", True))
        assert not held.settle()
        wan[:] = ["127.0.0.7"]
        assert held.look_again()
        assert self.local(held) == "127.0.0.7"
        assert held.current.peers["east"].configuration == "main-mode"
        assert held.bindings.get("east", "Configuration") == "nowhere"
        assert not held.settle()
        assert held.change(SetValue("east", "Configuration", "main-mode", True))
        assert held.settle()
        assert self.local(held) == "127.0.0.7"

    def test_c_changes_in_force_stay(self, named: Live, wan: list[str]) -> None:
        """The file is not read again for it."""
        held, _ = named
        assert held.change(SetValue("General", "Retransmits", "9", True))
        assert held.settle()
        wan[:] = ["127.0.0.7"]
        assert held.look_again()
        assert held.current.general.retransmits == 9

    def test_an_address_that_brings_a_fault_is_not_taken(
        self, named: Live, wan: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is told once, and looked at again with the next change."""
        held, lines = named
        monkeypatch.setattr(
            lookups, "_ASK", dict.fromkeys(("address", "netmask"), lambda *_: IPv6Address("::1"))
        )
        for _ in range(2):
            assert not held.look_again()
        assert self.local(held) == "127.0.0.1"
        assert len(lines) == 2
        assert "Local-address= wan: expected an IPv4 address" in lines[0]
        assert lines[1] == "what interfaces stood for stays in force as it was"
        assert wan
