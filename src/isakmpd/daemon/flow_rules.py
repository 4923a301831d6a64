"""Decide which routing rules bring a selector's packets to the TUN device, and keep others away.

Every instance owns a TUN device, a routing table whose default route leads there, and a firewall
mark on its own packets, all numbered alike. The rules lie in one band of priorities before the
main table:

    20000          packets with our mark leave the band: IKE and ESP never enter a tunnel
    20001 ...      so do, for reverse path filters, this host's packets that answer IKE and ESP
    20510 ...      one rule a selector, narrow ones first, each looking up the instance's table
    22100 ...      the end of the band, one rule an instance: all else goes on as without us

The band is left with ``goto`` a rule that does nothing, not with a look-up of the main table, so
that rules an administrator keeps between ours and the main table still see the packets.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from ipaddress import ip_network

from isakmpd.ike.ipsec import Selector
from isakmpd.privsep.requests import Route, Rule, RuleAction
from isakmpd.wire.addresses import Address, Network

BAND_START, FIRST_END = 20000, 22100
MOST_INSTANCES = 500
FIRST_TABLE = 50000
FIRST_MARK = 0x69730000

ESP, UDP = 50, 17
# TCP, UDP, DCCP, SCTP: what the kernel finds ports in (UDP-Lite counts as UDP without them)
PROTOCOLS_WITH_PORTS = (6, 17, 33, 132)

_FIRST_ANSWERS = BAND_START + 1
_FLOWS = BAND_START + 510
_LONGEST_PREFIXES = 256
_SLOTS = 6  # of one sum of prefix lengths: what stays local because both sides are the same,
_SAME_SLOT = 0
_FLOW_SLOT = 4  # flows, those of two ports, one port and a protocol before it,
_LOCAL_SLOT = 5  # and what stays local in the face of wider flows
_MAIN_TABLE = 254
_THIS_HOST = "lo"  # the kernel's name for where its own packets come from
_NO_SOURCE_YET = ip_network("0.0.0.0/32")

Item = Rule | Route


@dataclass(frozen=True, slots=True)
class Instance:
    """Number one data plane of this network namespace; everything it owns is named after it."""

    number: int

    @property
    def device(self) -> str:
        """Name the TUN device."""
        return f"isakmpd{self.number}"

    @property
    def table(self) -> int:
        """Number the routing table."""
        return FIRST_TABLE + self.number

    @property
    def end(self) -> int:
        """Give the priority at which packets leave the band; a target no other instance removes."""
        return FIRST_END + self.number

    @property
    def answers(self) -> int:
        """Give the priority of the rules for what answers IKE and ESP.

        It is the instance's own: removing a rule, the kernel does not look where it goes to.
        """
        return _FIRST_ANSWERS + self.number

    @property
    def mark(self) -> int:
        """Give the firewall mark of IKE and ESP packets."""
        return FIRST_MARK + self.number


def why_inexpressible(selector: Selector) -> str | None:
    """Tell in a sentence why no routing rule can name the selector's packets, None if one can."""
    if selector.local.version != selector.remote.version:
        return f"the selector {selector} mixes IPv4 and IPv6"
    if not 0 <= selector.protocol <= 255:
        return f"the selector {selector} names no IP protocol"
    ports = (selector.local_port, selector.remote_port)
    if any(not 0 <= port <= 65535 for port in ports):
        return f"the selector {selector} names no port"
    if any(ports) and selector.protocol not in PROTOCOLS_WITH_PORTS:
        return (
            f"the selector {selector} names a port without TCP, UDP, SCTP or DCCP: "
            "routing rules know the ports of these only"
        )
    return None


def instance_of(items: Iterable[Item]) -> Instance | None:
    """Tell whose rules and routes these are, None where they do not say."""
    tables = (
        item.table if isinstance(item, Route) else item.target
        for item in items
        if isinstance(item, Route) or item.action is RuleAction.LOOKUP
    )
    numbers = (table - FIRST_TABLE for table in tables)
    return next((Instance(number) for number in numbers if 0 <= number < MOST_INSTANCES), None)


@cache
def frame(
    instance: Instance, version: int, udp_ports: tuple[int, ...] = (500, 4500)
) -> tuple[Item, ...]:
    """List what an instance needs once for each address family, in the order to install it.

    What we send is marked. But a reverse path filter asks of what we receive, without a mark,
    which way this host's answer would go: it must not say "into the tunnel".

    The unreachable route is the last resort when the device goes with a killed process: packets
    of a flow are then refused, not sent in the clear.
    """
    answer = Rule(version, instance.answers, RuleAction.GOTO, instance.end, arriving_on=_THIS_HOST)
    return (
        Rule(version, instance.end, RuleAction.NOP),
        Rule(version, BAND_START, RuleAction.GOTO, instance.end, mark=instance.mark),
        # Without a rule like this the kernel reads no protocol and ports of what it receives.
        Rule(version, instance.answers, RuleAction.NOP, protocol=ESP),
        replace(answer, protocol=ESP),
        *(replace(answer, protocol=UDP, source_port=port) for port in udp_ports),
        Route(version, instance.table, None),
        Route(version, instance.table, instance.device),
    )


def rules_of_selector(
    selector: Selector, instance: Instance, preferred_source: Address | None = None
) -> tuple[Item, ...]:
    """List a selector's rules in the order to install them: exceptions before the selector itself.

    ``preferred_source`` is the address the kernel gives the host's own packets to the remote side.
    """
    rule = _selector_rule(selector, instance)
    return (
        *_keep_local_packets(selector, instance),
        *_take_own_packets(selector, instance, preferred_source, rule),
        rule,
    )


def _selector_rule(selector: Selector, instance: Instance) -> Rule:
    return Rule(
        selector.local.version,
        _priority(selector, _slot(selector)),
        RuleAction.LOOKUP,
        instance.table,
        selector.local,
        selector.remote,
        selector.protocol,
        selector.local_port,
        selector.remote_port,
        finds_source=selector.local.version == 6,
    )


def _take_own_packets(
    selector: Selector, instance: Instance, own: Address | None, rule: Rule
) -> tuple[Item, ...]:
    """Bring along the host's own packets that are routed before they have a source address.

    The kernel asks for their route with source 0.0.0.0 and sends them as it finds it: a rule on
    the source they are about to get would come too late. Of an IPv6 rule it can ask which source
    they would get, and compare that.
    """
    local = selector.local
    if own is None or local.version != 4 or not local.prefixlen or own not in local:
        return ()
    return (
        Route(4, instance.table, instance.device, selector.remote, own),
        replace(rule, source=_NO_SOURCE_YET),
    )


def _keep_local_packets(selector: Selector, instance: Instance) -> tuple[Rule, ...]:
    """Except packets between two local hosts where the remote side covers the local one too.

    With 10.1.0.0/16 to 0.0.0.0/0 the gateway must still reach the hosts of its own LAN. A flow
    that is as narrow as the exception or narrower stands before it.

    Where both sides are the same, such as 0.0.0.0/0, the selector does not tell which side an
    address is on, and the main table has to: what it has a route of its own for is local. What
    came out of the tunnel never goes back.
    """
    local, remote = selector.local, selector.remote
    if local.prefixlen < remote.prefixlen or not _covers(remote, local):
        return ()
    priority = _priority(Selector(local, local), _LOCAL_SLOT)
    goto_end = Rule(local.version, priority, RuleAction.GOTO, instance.end, local, local)
    if local != remote:
        return (goto_end,)
    before = _priority(selector, _SAME_SLOT)
    routed = Rule(
        local.version, before, RuleAction.LOOKUP, _MAIN_TABLE, local, local, but_default=True
    )
    return (routed, replace(goto_end, priority=before, arriving_on=instance.device))


def _covers(outer: Network, inner: Network) -> bool:
    first = int(inner.network_address) & int(outer.netmask)
    return first == int(outer.network_address)


def _slot(selector: Selector) -> int:
    if not selector.protocol:
        return _FLOW_SLOT
    return _FLOW_SLOT - 1 - bool(selector.local_port) - bool(selector.remote_port)


def _priority(selector: Selector, slot: int) -> int:
    prefixes = selector.local.prefixlen + selector.remote.prefixlen
    return _FLOWS + (_LONGEST_PREFIXES - prefixes) * _SLOTS + slot
