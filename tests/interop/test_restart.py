"""The tunnel comes back by itself after an end was killed, was away, or the cable was cut.

The scenarios run beside each other: most wait until dead peer detection notices.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future

import pytest

from lab.deadline import until
from lab.gateways import EAST_LAN, EAST_WAN, INNER, WEST_LAN, WEST_WAN, TwoGateways, two_gateways
from lab.isakmpd import Isakmpd
from lab.link import loss
from lab.ping import PATTERN, ping
from lab.proof import prove_encrypted
from lab.strongswan import StrongSwan
from tests.interop.configurations import EAST_TO_WEST, Gateway, strongswan
from tests.interop.footprint import footprint
from tests.interop.scenarios import running

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]

SOON = {"DPD-check-interval": 2}
TRIES = {**SOON, "Check-interval": 10}
STARTS = "start_action = start"
RESTARTS = f"{STARTS}\n dpd_action = restart"
ASKS = "dpd_delay = 2s\n dpd_timeout = 6s"
PERSISTS = f"{ASKS}\n keyingtries = 0"
GIVES_UP = "retransmit_tries = 2\n retransmit_timeout = 2"
WITHIN = 90.0  # seconds

Spis = Callable[[], set[str]]
Scenario = Callable[[], float]


def spis_of_ours(isakmpd: Isakmpd) -> Spis:
    """Make a question for the SPIs a daemon of ours holds, of both directions."""
    return lambda: set(re.findall(r"^SPI \d: ([0-9a-f]+)", isakmpd.show(), re.MULTILINE))


def spis_of_charon(charon: StrongSwan) -> Spis:
    """Make a question for the SPIs charon holds, of both directions."""
    return lambda: {child[way] for child in charon.children() for way in ("spi-in", "spi-out")}


def time_until_back(lab: TwoGateways, one: Spis, other: Spis, kill: Callable[[], None]) -> float:
    """Kill an end of the tunnel, wait for a new one, prove it with pings; return the seconds."""
    until(lambda: len(one() & other()) == 2, 20, "a first tunnel")
    before = one() | other()
    start = time.monotonic()
    kill()
    until(lambda: len((one() & other()) - before) == 2, WITHIN, "a tunnel of new SAs")
    seconds = time.monotonic() - start
    with lab.capture() as wire:
        echoes = ping(lab.west, EAST_LAN, lab.folder, count=5, source=WEST_LAN)
    assert echoes.received == 5
    prove_encrypted(wire.packets, inner=INNER, pattern=PATTERN, sent=5, received=5)
    assert not (one() | other()) & before, "SAs of the dead are left"
    return seconds


def _charon_killed(ours: Gateway, theirs: str) -> float:
    with two_gateways(hosts=False) as lab:
        charon = StrongSwan(lab.east, lab.folder)
        charon.configure(theirs)
        with Isakmpd(lab.west, lab.folder, str(ours)) as isakmpd, charon:
            ends = spis_of_ours(isakmpd), spis_of_charon(charon)
            return time_until_back(lab, *ends, charon.restart)


def charon_forgets_and_we_begin() -> float:
    """A charon that only answers lost its SAs; we ask whether it lives and begin anew."""
    return _charon_killed(Gateway(begins=True, general=SOON), strongswan())


def charon_forgets_and_begins() -> float:
    """A charon that lost its SAs begins anew, with INITIAL-CONTACT; we only answer."""
    return _charon_killed(Gateway(), strongswan(more_child=STARTS))


def charon_forgets_and_both_begin() -> float:
    """A charon that lost its SAs begins anew, while we notice and would begin too."""
    return _charon_killed(Gateway(begins=True, general=SOON), strongswan(more_child=STARTS))


def _we_are_killed(ours: Gateway, theirs: str) -> float:
    with two_gateways(hosts=False) as lab:
        bare = footprint(lab.west)
        charon = StrongSwan(lab.east, lab.folder)
        charon.configure(theirs)
        with charon, Isakmpd(lab.west, lab.folder, str(ours)) as isakmpd:
            ends = spis_of_ours(isakmpd), spis_of_charon(charon)
            seconds = time_until_back(lab, *ends, isakmpd.restart)
            # charon finds the same SAs to be replaced without being told, others do not.
            told = re.findall(r"parsed ID_PROT .*N\(INITIAL_CONTACT\)", charon.log())
            assert len(told) == 2, "once for each start with no SA"
            with_tunnel = footprint(lab.west)
            isakmpd.restart()
            until(lambda: footprint(lab.west) == with_tunnel, WITHIN, "one set of rules, not two")
        assert footprint(lab.west) == bare
        return seconds


def we_forget_and_begin() -> float:
    """Our daemon lost its SAs and begins anew, with INITIAL-CONTACT; charon only answers."""
    return _we_are_killed(Gateway(begins=True), strongswan())


def we_forget_and_charon_begins() -> float:
    """Our daemon lost its SAs and only answers; charon asks whether we live and begins anew."""
    return _we_are_killed(Gateway(), strongswan(more_ike=ASKS, more_child=RESTARTS))


def one_of_two_of_ours_forgets() -> float:
    """Of two of our own daemons the one that answers lost its SAs; the other notices."""
    with two_gateways(hosts=False) as lab:
        begins = Isakmpd(lab.west, lab.folder, str(Gateway(begins=True, general=SOON)))
        answers = Isakmpd(
            lab.east, lab.folder, str(Gateway(EAST_WAN, WEST_WAN, (EAST_TO_WEST,), general=SOON))
        )
        with answers, begins:
            ends = spis_of_ours(begins), spis_of_ours(answers)
            return time_until_back(lab, *ends, answers.restart)


def _away(lab: TwoGateways, ends: tuple[Spis, Spis], gone: Isakmpd | StrongSwan) -> float:
    """Kill one end, the other being the first of ``ends``, and start it once it is missed."""

    def vanish() -> None:
        gone.kill()
        until(lambda: not ends[0](), WITHIN, "the peer's death noticed")
        gone.start()

    return time_until_back(lab, *ends, vanish)


def charon_is_away() -> float:
    """A charon that only answers dies, and returns when we have given up its SAs."""
    with two_gateways(hosts=False) as lab:
        charon = StrongSwan(lab.east, lab.folder)
        charon.configure(strongswan())
        isakmpd = Isakmpd(lab.west, lab.folder, str(Gateway(begins=True, general=TRIES)))
        with isakmpd, charon:
            return _away(lab, (spis_of_ours(isakmpd), spis_of_charon(charon)), charon)


def we_are_away() -> float:
    """Our daemon, which only answers, dies, and returns when charon has given up its SAs."""
    with two_gateways(hosts=False) as lab:
        charon = StrongSwan(lab.east, lab.folder, GIVES_UP)
        charon.configure(strongswan(more_ike=PERSISTS, more_child=RESTARTS))
        isakmpd = Isakmpd(lab.west, lab.folder, str(Gateway()))
        with isakmpd, charon:
            return _away(lab, (spis_of_charon(charon), spis_of_ours(isakmpd)), isakmpd)


def _cut(lab: TwoGateways, one: Spis, other: Spis) -> float:
    """Cut the cable until both ends have given up their SAs, and mend it."""

    def cut() -> None:
        with loss(lab.west, 100, "iifname wan"), loss(lab.east, 100, "iifname wan"):
            until(lambda: not one() | other(), WITHIN, "both ends without SAs")

    return time_until_back(lab, one, other, cut)


def the_cable_is_cut_and_we_begin() -> float:
    """Both ends notice that nothing arrives; once it does, we begin anew."""
    with two_gateways(hosts=False) as lab:
        charon = StrongSwan(lab.east, lab.folder, GIVES_UP)
        charon.configure(strongswan(more_ike=ASKS, more_child="dpd_action = clear"))
        isakmpd = Isakmpd(lab.west, lab.folder, str(Gateway(begins=True, general=TRIES)))
        with isakmpd, charon:
            return _cut(lab, spis_of_ours(isakmpd), spis_of_charon(charon))


def the_cable_is_cut_and_charon_begins() -> float:
    """Both ends notice that nothing arrives; once it does, charon begins anew."""
    with two_gateways(hosts=False) as lab:
        charon = StrongSwan(lab.east, lab.folder, GIVES_UP)
        charon.configure(strongswan(more_ike=PERSISTS, more_child=RESTARTS))
        isakmpd = Isakmpd(lab.west, lab.folder, str(Gateway(general=SOON)))
        with isakmpd, charon:
            return _cut(lab, spis_of_ours(isakmpd), spis_of_charon(charon))


def the_cable_between_two_of_ours_is_cut() -> float:
    """Of two of our own daemons both notice, and the one that is to, begins anew."""
    with two_gateways(hosts=False) as lab:
        begins = Isakmpd(lab.west, lab.folder, str(Gateway(begins=True, general=TRIES)))
        answers = Isakmpd(
            lab.east, lab.folder, str(Gateway(EAST_WAN, WEST_WAN, (EAST_TO_WEST,), general=SOON))
        )
        with answers, begins:
            return _cut(lab, spis_of_ours(begins), spis_of_ours(answers))


SCENARIOS: tuple[Scenario, ...] = (
    charon_forgets_and_we_begin,
    charon_forgets_and_begins,
    charon_forgets_and_both_begin,
    we_forget_and_begin,
    we_forget_and_charon_begins,
    one_of_two_of_ours_forgets,
    charon_is_away,
    we_are_away,
    the_cable_is_cut_and_we_begin,
    the_cable_is_cut_and_charon_begins,
    the_cable_between_two_of_ours_is_cut,
)


@pytest.fixture(scope="module")
def back_after() -> Iterator[Mapping[Scenario, Future[float]]]:
    """Run all scenarios at once."""
    with running(SCENARIOS) as futures:
        yield futures


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_tunnel_comes_back_by_itself(
    back_after: Mapping[Scenario, Future[float]],
    scenario: Scenario,
    record_property: Callable[[str, object], None],
) -> None:
    """Without anybody's help both ends agree on new SAs, which carry pings in ESP."""
    seconds = back_after[scenario].result()
    record_property("result", f"back after {seconds:.1f} s")
