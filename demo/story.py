"""What the demo does and says, step by step."""

import contextlib
import time
from pathlib import Path

from lab.gateways import EAST_HOST, INNER, TwoGateways, two_gateways
from lab.isakmpd import Isakmpd
from lab.ping import PATTERN, Echoes, ping
from lab.proof import Proof, prove_encrypted

EXAMPLES = Path(__file__).parents[1] / "examples" / "two-gateways"
CONNECTION = "west-east"
PINGS = 10

PICTURE = """\
west-host          west gateway                 east gateway          east-host
10.1.0.10 -------- 10.1.0.1  192.0.2.1 ======== 192.0.2.2  10.2.0.1 -------- 10.2.0.10
"""


class Narrator:
    """Says each step with the seconds since the start."""

    def __init__(self) -> None:
        """Start the clock."""
        self._start = time.monotonic()

    def __call__(self, sentence: str) -> None:
        """Say one step."""
        print(f"{time.monotonic() - self._start:5.1f} s  {sentence}", flush=True)


def tell(*, tunnel: bool = True) -> Proof:
    """Play the whole demo and return the proof; without a tunnel the proof must fail.

    Raises AssertionError (TooLateError, CommandError, NotProvedError) where a step goes wrong.
    """
    say = Narrator()
    print(PICTURE)
    with two_gateways() as lab:
        say("Four hosts stand, each a network namespace; the gateways route between all of them.")
        with lab.capture() as wire, contextlib.ExitStack() as daemons:
            say("The wire between the gateways is being recorded.")
            if tunnel:
                _bring_up(lab, daemons, say)
            echoes = ping(lab.west_host, EAST_HOST, lab.folder, count=PINGS)
            say(f"west-host pinged east-host: {echoes.sent} sent, {echoes.received} answered.")
            _check_answers(echoes)
        say("The recording has ended; every packet in it is checked:")
        proof = prove_encrypted(
            wire.packets, inner=INNER, pattern=PATTERN, sent=echoes.sent, received=echoes.received
        )
        say(f"{proof}.")
        say("No other packet, no inner address and no ping payload crossed the wire.")
    return proof


def _bring_up(lab: TwoGateways, daemons: contextlib.ExitStack, say: Narrator) -> None:
    west, east = (
        Isakmpd(gateway, lab.folder, (EXAMPLES / f"{gateway.label}.conf").read_text())
        for gateway in (lab.west, lab.east)
    )
    for daemon in (east, west):
        daemons.enter_context(daemon)
        say(f"isakmpd runs on {daemon.namespace.label}: {daemon.command_line()}")
    shown = west.wait_tunnel(CONNECTION)
    east.wait_tunnel(CONNECTION)
    say(f"The tunnel is up. echo S > {west.fifo}; cat {west.result_file}:")
    print("\n" + "\n".join(f"    {line}" for line in shown.rstrip().splitlines()) + "\n")


def _check_answers(echoes: Echoes) -> None:
    if echoes.received != echoes.sent:
        raise AssertionError(f"pings {list(echoes.lost)} of {echoes.sent} were not answered")
