"""A daemon configured over its FIFO alone, by what OpenBSD's ipsecctl writes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from isakmpd.config.bindings import Bindings
from isakmpd.config.model import Configuration
from isakmpd.config.read import read
from isakmpd.control.command_stream import CommandStream
from isakmpd.control.commands import ChangeConfiguration
from lab.deadline import until
from lab.isakmpd import Isakmpd
from lab.namespace import Namespace
from tests.daemon import ipsecctl
from tests.daemon.ipsecctl import Rule, Transforms, additions, removals
from tests.daemon.loopback import CARRY_NOTHING, EAST, WEST, daemon, sections
from tests.daemon.services import in_test

TUNNEL = Rule("10.1.0.0/24", "10.2.0.0/24", peer=EAST, local=WEST)


def changed(bindings: Bindings, lines: list[str]) -> list[str]:
    """Carry out the changes among lines; give the refusals."""
    stream = CommandStream()
    commands = stream.feed("".join(f"{line}\n" for line in lines).encode())
    assert len(commands) == len(lines)
    changes = [one.change for one in commands if isinstance(one, ChangeConfiguration)]
    return list(bindings.apply(changes))


def configured(rule: Rule) -> Configuration:
    """What a rule means to a daemon without a file."""
    bindings = Bindings()
    assert changed(bindings, list(additions(rule))) == []
    return read(bindings)


def test_a_rule_is_a_burst_of_changes() -> None:
    """Dozens of lines for one tunnel, whose names have slashes, colons and signs in them."""
    rule = replace(TUNNEL, mode="dynamic", srcid="west@example.org", dstid="east.example.org")
    lines = [*additions(rule)]
    assert len(lines) > 40
    for rules in ([rule], [rule] * 3):
        bindings = Bindings()
        for one in rules:
            assert changed(bindings, [*additions(one)]) == []
        found = read(bindings)
        assert not found.problems, [str(problem) for problem in found.problems]
        assert list(found.connections) == [rule.name]
        (connection,) = found.connections.values()
        assert connection.always_up
        peer = found.peers[connection.peer]
        assert [str(peer.local_id), str(peer.remote_id)] == ["west@example.org", "east.example.org"]
        assert found.general.check_interval == 30
        assert found.general.dpd_check_interval == 5


def rule_with(phase: str, kind: str, name: str) -> Rule:
    """The rule with one transform in its main or quick mode."""
    enc, auth, group = (name if one == kind else "" for one in ("enc", "auth", "group"))
    transforms = Transforms(enc, auth, group)
    if phase == "main":
        return replace(TUNNEL, main=transforms)
    return replace(TUNNEL, quick=transforms)


CIPHERS = [
    *(("main", "enc", name) for name in ipsecctl.MAIN_CIPHERS),
    *(("main", "auth", name) for name in ipsecctl.MAIN_HASHES),
    *(("main", "group", name) for name in ipsecctl.GROUPS if name != "bp224"),
    *(("quick", "enc", name) for name in ipsecctl.QUICK_CIPHERS if name != "null"),
    *(("quick", "auth", name) for name in ipsecctl.QUICK_HASHES),
    *(("quick", "group", name) for name in (*ipsecctl.GROUPS, "none") if name != "bp224"),
]


@pytest.mark.parametrize(("phase", "kind", "name"), CIPHERS)
def test_every_transform_of_ipsec_conf_is_understood(phase: str, kind: str, name: str) -> None:
    """What it writes is what is offered, and nothing else."""
    found = configured(rule_with(phase, kind, name))
    assert not found.problems, [str(problem) for problem in found.problems]
    (connection,) = found.connections.values()
    (suite,) = connection.suites
    (transform,) = found.peers[connection.peer].transforms
    shown = f"{transform} {suite}"
    tables = {
        "enc": {one: names[0] for one, names in ipsecctl.QUICK_CIPHERS.items()},
        "auth": ipsecctl.QUICK_HASHES,
        "group": ipsecctl.GROUPS,
    }
    if name == "none":
        assert suite.group is None
    else:
        assert tables[kind][name] in shown


def test_neither_encryption_nor_authentication_is_refused() -> None:
    """What ``enc null`` alone asks for."""
    (problem, *_) = configured(replace(TUNNEL, quick=Transforms("null"))).problems
    assert "NULL" in str(problem)


@pytest.mark.parametrize("phase", ["main", "quick"])
def test_a_curve_that_is_not_supported_is_named(phase: str) -> None:
    """And with it the section and tag that hold it."""
    found = configured(rule_with(phase, "group", "bp224"))
    (problem, *_) = found.problems
    assert "GROUP_DESCRIPTION= BP_224" in str(problem)


@pytest.mark.parametrize(
    "rule",
    [
        replace(TUNNEL, tag="ipsec-$domain"),
        replace(TUNNEL, peer=None, local=None, mode="passive"),
        replace(TUNNEL, proto="ah", quick=Transforms(auth="hmac-sha1")),
        replace(TUNNEL, source="192.0.2.1", destination="192.0.2.2", encap="transport"),
        replace(TUNNEL, source="2001:db8:1::/48", destination="2001:db8:2::/48"),
        Rule("2001:db8::1", "2001:db8::2", peer="2001:db8::2"),
        replace(TUNNEL, protocol=6, ports=(0, 443)),
        replace(TUNNEL, protocol=17, ports=(1701, 1701), encap="transport"),
        replace(TUNNEL, aggressive=True, srcid="west.example.org"),
        replace(TUNNEL, main=Transforms(lifetime=600), quick=Transforms(lifetime=300)),
        replace(TUNNEL, psk="mek;#%=[a]:b"),
    ],
    ids=lambda rule: rule.name,
)
def test_what_else_a_rule_may_say(rule: Rule) -> None:
    """Each makes a connection; a tag for pf, which Linux has not, is not in its way."""
    found = configured(rule)
    assert not found.problems, [str(problem) for problem in found.problems]
    assert list(found.connections) == [rule.name]


def test_the_removal_leaves_no_connection() -> None:
    """Peers and transforms stay, as with the original: ipsecctl does not name them."""
    rules = [TUNNEL, replace(TUNNEL, source="10.1.1.0/24"), replace(TUNNEL, mode="passive")]
    for order in (rules[:2], rules[:2][::-1], rules[2:]):
        bindings = Bindings()
        for rule in order:
            changed(bindings, [*additions(rule)])
        for rule in order:
            assert changed(bindings, [*removals(rule)][1:]) == []
        found = read(bindings)
        assert not found.connections
        assert not found.problems, [str(problem) for problem in found.problems]
        assert "Phase 2" not in bindings.sections()


# Daemons


RULES = [
    TUNNEL,
    replace(TUNNEL, source="10.1.1.0/24", quick=Transforms("aes-256-gcm", group="ecp256")),
    replace(TUNNEL, source="10.1.2.0/24", mode="dynamic", quick=Transforms(group="none")),
    replace(TUNNEL, source="10.1.3.7", destination="10.2.3.7", protocol=6, ports=(0, 443)),
    replace(TUNNEL, source=WEST, destination=EAST, encap="transport", tag="hosts"),
]
FAST = Transforms("aes-256", "hmac-sha2-256", "ecp256")


def mirrored(rule: Rule) -> Rule:
    """The passive rule at the other end."""
    return replace(
        rule,
        source=rule.destination,
        destination=rule.source,
        peer=rule.local,
        local=rule.peer,
        mode="passive",
        ports=rule.ports[::-1],
        dstid=rule.host_name if any(one.mode == "dynamic" for one in RULES) else "",
    )


def listed(one: Isakmpd) -> set[str]:
    """Name the connections that have SAs."""
    return {name.removesuffix(" (Phase 2)") for name in sections(one.show()) if "Phase 2" in name}


def bare(address: str) -> str:
    """The file of a daemon that shares its host with another, and is told all else."""
    return f"[General]\nListen-on= {address}\n"


def test_tunnels_come_up_and_go_by_such_streams_alone(tmp_path: Path) -> None:
    """Five rules at once at either end; taken away one after the other, nothing is left."""
    west_rules = [replace(rule, main=FAST) for rule in RULES]
    east_rules = [mirrored(rule) for rule in west_rules]
    with Namespace("ipsecctl") as namespace:
        east = daemon(namespace, tmp_path, "east", bare(EAST), *CARRY_NOTHING, "-v")
        west = daemon(namespace, tmp_path, "west", bare(WEST), *CARRY_NOTHING, "-v")
        with east, west:
            for one, rules in ((east, east_rules), (west, west_rules)):
                ipsecctl.write(one.fifo, [line for rule in rules for line in additions(rule)])
            for one, rules in ((east, east_rules), (west, west_rules)):
                until(lambda: listed(one) == {rule.name for rule in rules}, 20, "all to be up")  # noqa: B023
            for one in (east, west):
                assert "mended" not in one.log(), one.log()
            removed = west_rules[0]
            ipsecctl.write(west.fifo, removals(removed))
            until(partial(gone, east, mirrored(removed).name), 10, "the peer to hear of it")
            assert listed(west) == {rule.name for rule in west_rules[1:]}
            for one, rules in ((west, west_rules[1:]), (east, east_rules)):
                ipsecctl.write(one.fifo, [line for rule in rules for line in removals(rule)])
            for one in (west, east):
                until(lambda: not listed(one), 10, "all to be gone")  # noqa: B023
                assert '"connections": []' in one.ask("s")
            for one, rule in ((west, west_rules[0]), (east, east_rules[0])):
                one.command(f"C rms [{rule.phase_1}]")
                one.command(f"C rm [Phase 1]:{rule.peer}")
                until(lambda: '"peers": [], "exchanges": []' in one.ask("s"), 10, "peers to go")  # noqa: B023


def gone(one: Isakmpd, name: str) -> bool:
    """Tell whether a connection has no SA any more."""
    return name not in listed(one)


def test_a_hundred_rules_in_one_breath(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come into force together, not one by one, and go together."""
    rules = [replace(TUNNEL, source=f"10.1.{number}.0/24", mode="passive") for number in range(100)]
    with in_test(tmp_path, "", verbose=False) as west:
        taken: list[int] = []
        engine = west.service.engine
        configure = engine.configure

        def noted(*arguments: object, **named: object) -> None:
            configure(*arguments, **named)  # type: ignore[arg-type]
            taken.append(len(engine.snapshot(west.service.now()).connections))

        monkeypatch.setattr(engine, "configure", noted)
        fifo = west.service.paths.fifo

        def write(lines: list[str]) -> None:
            west.loop.run_until_complete(
                west.loop.run_in_executor(None, ipsecctl.write, fifo, lines)
            )

        write([line for rule in rules for line in additions(rule)])
        west.until(lambda: taken)
        write([line for rule in rules for line in removals(rule)])
        west.until(lambda: taken[-1] == 0, 30)
        assert taken[0] == 100
