"""What cannot work with strongSwan is explained by our end, whichever of the two begins.

Every row runs at once, against one charon, at an address of its own.
"""

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pytest

from lab.deadline import TooLateError, until
from lab.gateways import WEST_WAN, two_gateways
from lab.isakmpd import Isakmpd
from lab.strongswan import AGGRESSIVE_WITH_KEYS, StrongSwan, gateway_configuration
from tests.interop.configurations import (
    AGGRESSIVE,
    DEFAULT,
    MAIN,
    SECRET,
    Algorithms,
    Gateway,
    Name,
    Network,
    together,
)

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]

FIRST = 20  # the first row's last octet of addresses
WITHIN = 25.0  # seconds for all
US, IT = "isakmpd", "strongSwan"
OPTIONS = f"dos_protection = no\n {AGGRESSIVE_WITH_KEYS}"


@dataclass(frozen=True, slots=True)
class Fault:
    """Describe where the two halves differ, and what our log says, by who begins.

    ``{n}`` stands for the row's number, ``{it}`` for charon's address. ``peer_tags`` are added to
    our half; ``swap`` changes charon's half.
    """

    name: str
    says: Mapping[str, str]
    algorithms: Algorithms = DEFAULT
    secret: str = SECRET
    exchange: str = MAIN
    aggressive: bool = False
    remote_identity: Name | None = None
    identity: Name | None = None
    local_net: str = "10.2.{n}.0/24"
    remote_net: str = "10.1.{n}.0/24"
    peer_tags: str = ""
    swap: tuple[str, str] = ("", "")


KEYS = "the pre-shared keys probably differ ([peer{n}]:Authentication decides)"
NO_TRANSFORM = "it accepts none of our transforms ([peer{n}-phase-1]:Transforms decides)"
NO_PROPOSAL = (
    "the peer says NO_PROPOSAL_CHOSEN: it accepts none of our proposals, or wants PFS otherwise "
    "([peer{n}-quick-mode]:Suites decides)"
)


def differing(ike: str = "", esp: str = "") -> Algorithms:
    """Give algorithms of which charon has others than we."""
    return Algorithms(ike=ike or DEFAULT.ike, esp=esp or DEFAULT.esp)


FAULTS = (
    Fault("pre-shared key", {US: KEYS, IT: KEYS}, secret="another"),
    Fault(
        "pre-shared key, aggressive mode",
        {US: f"message 2 from {{it}}:500 proves nothing, its HASH is wrong: {KEYS}"},
        secret="another",
        exchange=AGGRESSIVE,
        aggressive=True,
    ),
    Fault(
        "cipher",
        {
            US: NO_TRANSFORM,
            IT: "ENCRYPTION_ALGORITHM: got 3DES_CBC, expected AES_CBC in [AES-128-SHA-GRP2]",
        },
        algorithms=differing(ike="3des-sha1-modp1024"),
    ),
    Fault(
        "group",
        {
            US: NO_TRANSFORM,
            IT: "GROUP_DESCRIPTION: got MODP_2048, expected MODP_1024 in [AES-128-SHA-GRP2]",
        },
        algorithms=differing(ike="aes128-sha1-modp2048"),
    ),
    Fault(
        "main against aggressive mode",
        {
            US: "does not do exchange type ID_PROT ([peer{n}-phase-1]:EXCHANGE_TYPE decides)",
            IT: "the peer begins with exchange type AGGRESSIVE, expected ID_PROT "
            "([peer{n}-phase-1]:EXCHANGE_TYPE decides)",
        },
        aggressive=True,
    ),
    Fault(
        "our identity",
        {
            US: "it does not expect FQDN vest.example ([peer{n}]:ID decides)",
        },
        identity=Name("FQDN", "vest.example"),
    ),
    Fault(
        "its identity",
        {
            US: "the peer proves to be IPV4_ADDR {it}, expected FQDN east.example "
            "([peer{n}]:Remote-ID decides)",
            IT: "the peer proves to be IPV4_ADDR {it}, expected FQDN east.example "
            "([peer{n}]:Remote-ID decides)",
        },
        remote_identity=Name("FQDN", "east.example"),
    ),
    Fault(
        "cipher of phase 2",
        {US: NO_PROPOSAL, IT: "TRANSFORM_ID: got 3DES, expected AES in "},
        algorithms=differing(esp="3des-sha1-modp1024"),
    ),
    Fault(
        "no PFS there",
        {US: NO_PROPOSAL, IT: "GROUP_DESCRIPTION: got no PFS, expected MODP_1024 in "},
        algorithms=differing(esp="aes128-sha1"),
    ),
    Fault(
        "networks swapped",
        {
            US: "it has no connection from 10.2.{n}.0/24 to 10.1.{n}.0/24",
            IT: "they are those of [net{n}] swapped: one end has it backwards",
        },
        local_net="10.1.{n}.0/24",
        remote_net="10.2.{n}.0/24",
    ),
    Fault(
        "IKEv2 alone",
        {
            US: "or has no section for our address 192.0.2.1 ([peer{n}]:Local-address decides it",
            IT: "version 2.0: the peer speaks IKEv2, not IKEv1 (the peer of [peer{n}] has to begin "
            "with IKEv1)",
        },
        swap=("version = 1", "version = 2"),
    ),
    Fault(
        "nobody listens",
        {
            US: "ICMP says of UDP port 501 there: the host is up, nobody listens there "
            "([peer{n}]:Address and Port lead there)",
        },
        peer_tags="Port= 501",
    ),
    Fault(
        "no such Local-address",
        {
            US: "phase 1 does not begin: it would begin at 192.0.2.200, where isakmpd does not "
            "listen: the host has no such address ([peer{n}]:Local-address decides)",
        },
        peer_tags="Local-address= 192.0.2.200",
    ),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A row begun by one of the two; ``number`` decides its addresses."""

    fault: Fault
    beginner: str
    number: int

    def __str__(self) -> str:
        return f"{self.fault.name} begun by {self.beginner}"

    @property
    def its_address(self) -> str:
        """Give charon's."""
        return f"192.0.2.{self.number}"

    @property
    def said(self) -> str:
        """Give what our log has to say."""
        return self.fault.says[self.beginner].format(n=self.number, it=self.its_address)

    def isakmpd(self) -> Gateway:
        """Return our half."""
        fault, n = self.fault, self.number
        return Gateway(
            WEST_WAN,
            self.its_address,
            networks=(Network(f"net{n}", f"10.1.{n}.0/24", f"10.2.{n}.0/24"),),
            begins=self.beginner == US,
            name=f"peer{n}",
            exchange=fault.exchange,
            identity=fault.identity,
            remote_identity=fault.remote_identity,
            general={"Retransmits": 0},
        )

    def strongswan(self) -> str:
        """Return charon's half."""
        fault, n = self.fault, self.number
        text = gateway_configuration(
            name=f"gw{n}",
            child=f"net{n}",
            local=self.its_address,
            remote=WEST_WAN,
            local_net=fault.local_net.format(n=n),
            remote_net=fault.remote_net.format(n=n),
            secret=fault.secret,
            ike=fault.algorithms.ike,
            esp=fault.algorithms.esp,
            more_ike="unique = never\n" + ("aggressive = yes" if fault.aggressive else ""),
        )
        return text.replace(*fault.swap)


CASES = tuple(
    Case(*case, number)
    for number, case in enumerate(
        ((fault, beginner) for fault in FAULTS for beginner in fault.says), FIRST
    )
)


def our_configuration(cases: Sequence[Case]) -> str:
    """Return one isakmpd.conf for all; what a row adds to its peer stands behind the address."""
    text = together(case.isakmpd() for case in cases)
    for case in cases:
        line = f"Address= {case.its_address}\n"
        text = text.replace(line, f"{line}{case.fault.peer_tags}\n")
    return text


def of_case(case: Case, log: str) -> list[str]:
    """Pick the lines that everybody sees about a row."""
    about = re.compile(rf"\b(net|peer){case.number}\b|{re.escape(case.its_address)}\b")
    return [line for line in log.splitlines() if about.search(line) and "failed: " in line] or [
        line for line in log.splitlines() if about.search(line)
    ]


@pytest.fixture(scope="module")
def log() -> Iterator[str]:
    """Our log, once every row has failed."""
    with two_gateways(hosts=False) as lab:
        for case in CASES:
            lab.east.address(f"{case.its_address}/32", "wan")
        charon = StrongSwan(lab.east, lab.folder, OPTIONS)
        charon.configure("".join(case.strongswan() for case in CASES))
        with charon, Isakmpd(lab.west, lab.folder, our_configuration(CASES)) as isakmpd:
            its = [{"child": f"net{case.number}"} for case in CASES if case.beginner == IT]
            charon.order("initiate", its)

            def all_said() -> bool:
                text = isakmpd.log()
                return all(case.said in text for case in CASES)

            with contextlib.suppress(TooLateError):  # the table shows which is missing
                until(all_said, WITHIN, "every line")
            yield isakmpd.log()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_our_end_names_the_cause(
    case: Case, log: str, record_property: Callable[[str, object], None]
) -> None:
    """In one line of a row, with section and tag."""
    lines = of_case(case, log)
    found = [line for line in lines if case.said in line]
    record_property("result", found[0] if found else "not named")
    assert len(found) == 1, "\n".join(lines)
