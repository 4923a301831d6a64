"""Hold configured suites against what the IPsec stack can carry and what can be offered at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from isakmpd.config.model import Configuration, Connection, Suite, SuiteProtocol
from isakmpd.ike.ipsec import Capabilities
from isakmpd.ike.phase2_transform import Circumstances
from isakmpd.ike.refused import Refused
from isakmpd.wire.numbers import EncapsulationMode, Protocol

_MOST_PROPOSALS = 255  # a proposal's number is one octet


def carried(suites: Sequence[Suite], circumstances: Circumstances) -> tuple[Suite, ...]:
    """Give the suites that the stack, and a NAT if there is one, let through."""
    return tuple(suite for suite in suites if not hindrance(suite, circumstances))


def offerable(connection: Connection, circumstances: Circumstances) -> tuple[Suite, ...]:
    """Give the suites one offer can hold: a quick mode has one KE payload, thus one group.

    Raises Refused, with the reasons, where there is none.
    """
    suites = carried(connection.suites, circumstances)
    if not suites:
        reasons = "; ".join(hindrance(suite, circumstances) for suite in connection.suites)
        raise Refused(f"nothing can be offered: {reasons}", None)
    same = (suite for suite in suites if suite.group == suites[0].group)
    return tuple(same)[:_MOST_PROPOSALS]


def protocols(suites: Sequence[Suite]) -> tuple[Protocol, ...]:
    """List the protocols of suites, each once."""
    return tuple(dict.fromkeys(one.protocol for suite in suites for one in suite.protocols))


def have_transport_mode(suites: Sequence[Suite]) -> bool:
    """Tell whether one of the suites is of transport mode."""
    return any(
        transform.encapsulation == EncapsulationMode.TRANSPORT
        for suite in suites
        for protocol in suite.protocols
        for transform in protocol.transforms
    )


def hindrance(suite: Suite, circumstances: Circumstances) -> str:
    """Say why a suite can be neither offered nor accepted; nothing where it can."""
    if lacking := lack(suite, circumstances.capabilities):
        return lacking
    if circumstances.nat and any(p.protocol == Protocol.IPSEC_AH for p in suite.protocols):
        return f"[{suite.section}]: AH passes no NAT, and one was detected"
    return ""


def lack(suite: Suite, capabilities: Capabilities) -> str:
    """Say what a suite asks of the stack that it cannot carry; nothing where it can all."""
    stack = f"[{suite.section}]: the {capabilities.stack} IPsec stack does not carry"
    protocols = [protocol.protocol for protocol in suite.protocols]
    if len(set(protocols)) < len(protocols):
        return f"[{suite.section}]: a suite holds each protocol once"
    if len(protocols) > 1 and not capabilities.bundles:
        return f"{stack} {' with '.join(map(str, protocols))}"
    for protocol in suite.protocols:
        if reason := _protocol_lack(protocol, capabilities):
            return f"{stack} {reason}"
    return ""


def _protocol_lack(protocol: SuiteProtocol, capabilities: Capabilities) -> str:
    kind = protocol.protocol
    for transform in protocol.transforms:
        if (kind, transform.transform_id) not in capabilities.transforms:
            known = any(one == kind for one, _ in capabilities.transforms)
            return f"{kind} transform [{transform.section}]" if known else str(kind)
        if transform.authentication not in capabilities.authentication:
            return f"{transform.authentication} of [{transform.section}]"
        if transform.encapsulation not in capabilities.modes:
            return f"{transform.encapsulation} mode of [{transform.section}]"
    return ""


def unsupported(configuration: Configuration, capabilities: Capabilities) -> Iterator[str]:
    """Say of each connection once which of its suites the stack cannot carry."""
    for connection in configuration.connections.values():
        if reason := lacks(connection, capabilities):
            yield f"[{connection.section}]: {reason}"


def lacks(connection: Connection, capabilities: Capabilities) -> str:
    """Say which suites of a connection the stack cannot carry; nothing where it can all."""
    reasons = [reason for suite in connection.suites if (reason := lack(suite, capabilities))]
    if not reasons:
        return ""
    left = len(connection.suites) - len(reasons)
    rest = "the others are used" if left else "no suite is left, so it cannot come up"
    return f"{'; '.join(reasons)}; {rest}"
