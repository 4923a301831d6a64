"""CPU per handshake: main mode with a pre-shared key and one quick mode with PFS, and both deleted.

Every pairing of daemons has two network namespaces of its own, side by side; each round takes
every pairing in turn. What is counted is the user and system time of each daemon from the command
until both have nothing left to do, less what they use at rest, divided by the number of tunnels.
Both carry the tunnels' traffic themselves (charon by kernel-libipsec), so that routing rules and
routes are in it; `isakmpd -n` negotiates only. Whether all is up is asked afterwards, uncounted.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bench.clock import cpu_seconds, wait_quiet
from bench.contenders import Charon, Contender, Ours
from bench.figures import ratio, ratios_line, table, told
from bench.tunnels import Suite, Tunnel, give_addresses, tunnels
from lab.deadline import TooLateError
from lab.gateways import TwoGateways, two_gateways

OURS, CHARON, OURS_N = "isakmpd", "charon", "isakmpd -n"
PAIRINGS = ((OURS, OURS), (CHARON, CHARON), (OURS, CHARON), (CHARON, OURS), (OURS_N, OURS_N))
SUITES = (
    Suite(
        "MODP_1024, AES-128, SHA1",
        "AES-128-SHA-GRP2",
        "QM-ESP-AES-128-SHA-PFS-GRP2-SUITE",
        "aes128-sha1-modp1024",
        "aes128-sha1-modp1024",
    ),
    Suite(
        "MODP_2048, AES-128, SHA2-256",
        "AES-128-SHA2-256-GRP14",
        "QM-ESP-AES-128-SHA2-256-PFS-GRP14-SUITE",
        "aes128-sha256-modp2048",
        "aes128-sha256-modp2048",
    ),
)
BASELINE = 1.0  # seconds of idleness
IN_TIME = 20.0  # seconds for all tunnels


@dataclass(slots=True)
class Samples:
    """One pairing's rounds: CPU in ms per handshake and per teardown, and handshakes a second."""

    initiator: list[float] = field(default_factory=list)
    responder: list[float] = field(default_factory=list)
    initiator_teardown: list[float] = field(default_factory=list)
    responder_teardown: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)


class Pairing:
    """Two daemons, what they are given to do, and what it cost them."""

    def __init__(self, lab: TwoGateways, names: tuple[str, str], suite: Suite, count: int) -> None:
        """Configure both daemons; neither is started."""
        self.names = names
        self.samples = Samples()
        self._count = count
        every = tunnels(count)
        give_addresses(lab, every)
        self._initiator = _contender(lab, names[0], suite, every, west=True)
        self._responder = _contender(lab, names[1], suite, every, west=False)
        self._idle = (0.0, 0.0)  # CPU seconds a second

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run both daemons."""
        with contextlib.ExitStack() as stack:
            for daemon in (self._responder, self._initiator):
                daemon.start()
                stack.callback(daemon.stop)
            yield

    def idle(self) -> None:
        """Take the baseline of both daemons at rest."""
        wait_quiet(self._processes)
        before = self._cpu()
        time.sleep(BASELINE)
        self._idle = _less(self._cpu(), before)

    def round(self) -> None:
        """Bring all tunnels up and take them down again."""
        began = time.monotonic()
        (initiator, responder), ended = self._spend(self._initiator.begin, self._count)
        self.samples.initiator.append(initiator)
        self.samples.responder.append(responder)
        self.samples.rate.append(self._count / (ended - began))
        (initiator, responder), _ = self._spend(self._initiator.end, 0)
        self.samples.initiator_teardown.append(initiator)
        self.samples.responder_teardown.append(responder)

    @property
    def _processes(self) -> tuple[int, int]:
        return self._initiator.pid, self._responder.pid

    def _cpu(self) -> tuple[float, float]:
        return cpu_seconds(self._initiator.pid), cpu_seconds(self._responder.pid)

    def _spend(self, command: Callable[[], None], wanted: int) -> tuple[tuple[float, float], float]:
        """Give a command; tell the CPU ms per tunnel of both ends, and when all was done."""
        began = time.monotonic()
        before = self._cpu()
        command()
        while True:
            ended = wait_quiet(self._processes)
            after = self._cpu()
            counts = {*self._initiator.sas(), *self._responder.sas()}
            if counts == {wanted}:
                break
            if ended - began > IN_TIME:
                raise TooLateError(f"{self.names}: {counts} SAs instead of {wanted}")
            # What asking cost is taken out again.
            before = _more(before, _less(self._cpu(), after))
            time.sleep(0.5)
        spent = _less(after, before)
        seconds = ended - began
        each = [
            (s - i * seconds) * 1000 / self._count for s, i in zip(spent, self._idle, strict=True)
        ]
        return (each[0], each[1]), ended


def measure(
    suites: Sequence[Suite], count: int, rounds: int, say: Callable[[str], None]
) -> dict[str, list[Pairing]]:
    """Measure every pairing for every suite, in interleaved rounds."""
    return {suite.title: _measure(suite, count, rounds, say) for suite in suites}


def _measure(suite: Suite, count: int, rounds: int, say: Callable[[str], None]) -> list[Pairing]:
    with contextlib.ExitStack() as stack:
        pairings = []
        for names in PAIRINGS:
            lab = stack.enter_context(two_gateways(hosts=False))
            pairing = Pairing(lab, names, suite, count)
            stack.enter_context(pairing.running())
            pairings.append(pairing)
        for pairing in pairings:
            pairing.idle()
        say(f"{suite.title}: {2 * len(pairings)} daemons run, {count} tunnels each")
        for number in range(1, rounds + 1):
            for pairing in pairings:
                pairing.round()
            say(f"{suite.title}: round {number} of {rounds} done")
        return pairings


def report(measured: dict[str, list[Pairing]]) -> str:
    """Write what was counted, the tables and the ratios."""
    parts = [str(__doc__).strip()]
    for title, pairings in measured.items():
        parts.append(f"{title}: CPU in ms per handshake, median (least-most) of the rounds")
        parts.append(_table(pairings))
        parts.append(_ratios({pairing.names: pairing.samples for pairing in pairings}))
    return "\n\n".join(parts)


def _table(pairings: Sequence[Pairing]) -> str:
    heads = (
        *("initiator -> responder", "initiator", "responder"),
        *("initiator's teardown", "responder's teardown", "handshakes/s"),
    )
    rows = []
    for pairing in pairings:
        samples = pairing.samples
        columns = [samples.initiator, samples.responder]
        columns += [samples.initiator_teardown, samples.responder_teardown]
        rate = f"{statistics.median(samples.rate):.0f}"
        rows.append((" -> ".join(pairing.names), *map(told, columns), rate))
    return table(heads, rows)


def _ratios(of: dict[tuple[str, str], Samples]) -> str:
    ours, theirs = of[OURS, OURS], of[CHARON, CHARON]
    to_charon, to_ours = of[OURS, CHARON], of[CHARON, OURS]
    each_with_itself = {
        "initiator": ratio(ours.initiator, theirs.initiator),
        "responder": ratio(ours.responder, theirs.responder),
    }
    with_charon = {
        "initiator": ratio(to_charon.initiator, theirs.initiator),
        "responder": ratio(to_ours.responder, theirs.responder),
    }
    return (
        f"isakmpd / charon, each with its like: {ratios_line(each_with_itself)};"
        f" both with charon: {ratios_line(with_charon)}"
    )


def _contender(
    lab: TwoGateways, name: str, suite: Suite, every: list[Tunnel], *, west: bool
) -> Contender:
    namespace = lab.west if west else lab.east
    seen = every if west else [tunnel.mirrored() for tunnel in every]
    if name == CHARON:
        return Charon(namespace, lab.folder, suite, seen)
    options = ("-K", "-n") if name == OURS_N else ("-K",)
    return Ours(namespace, lab.folder, suite, seen, options)


def _less(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] - other[0], one[1] - other[1]


def _more(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return one[0] + other[0], one[1] + other[1]
