"""What ipsecctl(8) of OpenBSD writes into the FIFO for ``ike`` rules of ipsec.conf(5).

Its order, names and defaults are those of OpenBSD 7.7: a rule is a burst of ``C set ... force``,
and its removal a few lines that leave peers and transforms where they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

# What ipsec.conf calls ciphers -> name and KEY_LENGTH of isakmpd.conf
MAIN_CIPHERS: Final = {
    "3des": ("3DES", ""),
    "aes": ("AES", "128,128:256"),
    "aes-128": ("AES", "128,128:128"),
    "aes-192": ("AES", "192,192:192"),
    "aes-256": ("AES", "256,256:256"),
    "blowfish": ("BLOWFISH", "128,96:192"),
    "cast128": ("CAST", ""),
}
QUICK_CIPHERS: Final = MAIN_CIPHERS | {
    "aesctr": ("AES_CTR", "128,128:128"),
    "aes-128-ctr": ("AES_CTR", "128,128:128"),
    "aes-192-ctr": ("AES_CTR", "192,192:192"),
    "aes-256-ctr": ("AES_CTR", "256,256:256"),
    "aes-128-gcm": ("AES_GCM_16", "128,128:128"),
    "aes-192-gcm": ("AES_GCM_16", "192,192:192"),
    "aes-256-gcm": ("AES_GCM_16", "256,256:256"),
    "aes-128-gmac": ("AES_GMAC", "128,128:128"),
    "aes-192-gmac": ("AES_GMAC", "192,192:192"),
    "aes-256-gmac": ("AES_GMAC", "256,256:256"),
    "null": ("NULL", ""),
}
NEED_NO_HASH: Final = ("AES_GCM_16", "AES_GMAC", "NULL")
MAIN_HASHES: Final = {
    "hmac-md5": "MD5",
    "hmac-sha1": "SHA",
    "hmac-sha2-256": "SHA2_256",
    "hmac-sha2-384": "SHA2_384",
    "hmac-sha2-512": "SHA2_512",
}
QUICK_HASHES: Final = MAIN_HASHES | {"hmac-ripemd160": "RIPEMD"}
GROUPS: Final = {
    "modp768": "MODP_768",
    "modp1024": "MODP_1024",
    "modp1536": "MODP_1536",
    "modp2048": "MODP_2048",
    "modp3072": "MODP_3072",
    "modp4096": "MODP_4096",
    "modp6144": "MODP_6144",
    "modp8192": "MODP_8192",
    "ecp256": "ECP_256",
    "ecp384": "ECP_384",
    "ecp521": "ECP_521",
    "ecp224": "ECP_224",
    "bp224": "BP_224",
    "bp256": "BP_256",
    "bp384": "BP_384",
    "bp512": "BP_512",
}
LISTS: Final = {
    "active": "Connections",
    "dynamic": "Connections",
    "passive": "Passive-Connections",
}


@dataclass(frozen=True, slots=True)
class Transforms:
    """Hold ``auth``, ``enc``, ``group`` and ``lifetime`` of a rule; empty is the default."""

    enc: str = ""
    auth: str = ""
    group: str = ""
    lifetime: int | None = None  # seconds


@dataclass(frozen=True, slots=True)
class Rule:
    """Hold one ``ike`` rule; ``source`` and ``destination`` are addresses or ADDRESS/LENGTH."""

    source: str
    destination: str
    peer: str | None  # None: any
    local: str | None = None
    mode: str = "active"
    psk: str = "mekmitasdigoat"
    proto: str = "esp"
    encap: str = "tunnel"
    aggressive: bool = False
    main: Transforms = Transforms()
    quick: Transforms = Transforms()
    srcid: str = ""
    dstid: str = ""
    protocol: int = 0
    ports: tuple[int, int] = (0, 0)
    tag: str = ""
    host_name: str = "gateway.example.org"

    @property
    def phase_1(self) -> str:
        """Name the peer's section."""
        if self.peer is None:
            return "peer-default"
        return f"peer-{self.peer}" + (f"-local-{self.local}" if self.local else "")

    @property
    def ends(self) -> tuple[str, str]:
        """Name the sections of both identities."""
        protocol = f"={self.protocol}" if self.protocol else ""
        ports = [f":{port}" if port else "" for port in self.ports]
        return (
            f"from-{self.source}{protocol}{ports[0]}",
            f"to-{self.destination}{protocol}{ports[1]}",
        )

    @property
    def name(self) -> str:
        """Name the connection."""
        return "-".join(self.ends)


def additions(rule: Rule) -> Iterator[str]:
    """Yield the lines that add a rule."""
    if rule.mode == "dynamic":
        yield _set("General", "Check-interval", 30)
        yield _set("General", "DPD-check-interval", 5)
    yield from _peer(rule)
    yield from _main_mode(rule)
    yield from _phase_1_ids(rule)
    local, remote = rule.ends
    yield _set(rule.name, "Phase", 2)
    yield _set(rule.name, "ISAKMP-peer", rule.phase_1)
    yield _set(rule.name, "Configuration", f"phase2-{rule.name}")
    yield _set(rule.name, "Local-ID", local)
    yield _set(rule.name, "Remote-ID", remote)
    if rule.tag:
        yield _set(rule.name, "PF-Tag", rule.tag)
    yield from _quick_mode(rule)
    yield from _phase_2_ids(rule)
    yield f"C add [Phase 2]:{LISTS[rule.mode]}={rule.name}"


def removals(rule: Rule) -> Iterator[str]:
    """Yield the lines that remove a rule."""
    yield f"t {rule.name}"
    yield f"C rmv [Phase 2]:{LISTS[rule.mode]}={rule.name}"
    yield f"C rms [{rule.name}]"
    yield f"C rms [phase2-{rule.name}]"


def write(fifo: Path, lines: Iterable[str], size: int = 1024) -> None:
    """Write lines as stdio does, in pieces that know nothing of lines; ``size`` in octets."""
    octets = "".join(f"{line}\n" for line in lines).encode()
    with fifo.open("wb", buffering=0) as descriptor:
        for at in range(0, len(octets), size):
            descriptor.write(octets[at : at + size])


def _set(section: str, tag: str, value: object) -> str:
    return f"C set [{section}]:{tag}={value} force"


def _peer(rule: Rule) -> Iterator[str]:
    yield _set("Phase 1", rule.peer or "Default", rule.phase_1)
    yield _set(rule.phase_1, "Phase", 1)
    if rule.peer:
        yield _set(rule.phase_1, "Address", rule.peer)
    if rule.local:
        yield _set(rule.phase_1, "Local-address", rule.local)
    yield _set(rule.phase_1, "Authentication", rule.psk)


def _main_mode(rule: Rule) -> Iterator[str]:
    configuration = f"phase1-{rule.phase_1}"
    yield _set(rule.phase_1, "Configuration", configuration)
    yield _set(configuration, "EXCHANGE_TYPE", "AGGRESSIVE" if rule.aggressive else "ID_PROT")
    cipher, length = MAIN_CIPHERS[rule.main.enc or "aes"]
    digest = MAIN_HASHES[rule.main.auth or "hmac-sha1"]
    group = GROUPS[rule.main.group or "modp3072"]
    bits = length.split(",")[0]
    transform = f"phase1-transform-{rule.phase_1}-PRE_SHARED-{digest}-{cipher}{bits}-{group}"
    yield f"C add [{configuration}]:Transforms={transform} force"
    yield _set(transform, "AUTHENTICATION_METHOD", "PRE_SHARED")
    yield _set(transform, "HASH_ALGORITHM", digest)
    yield _set(transform, "ENCRYPTION_ALGORITHM", f"{cipher}_CBC")
    if length:
        yield _set(transform, "KEY_LENGTH", length)
    yield _set(transform, "GROUP_DESCRIPTION", group)
    yield from _life(transform, rule.main.lifetime, "LIFE_MAIN_MODE")


def _life(transform: str, seconds: int | None, usual: str) -> Iterator[str]:
    if seconds is None:
        yield _set(transform, "Life", usual)
        return
    yield _set(transform, "Life", f"{transform}-life")
    yield _set(f"{transform}-life", "LIFE_TYPE", "SECONDS")
    yield _set(f"{transform}-life", "LIFE_DURATION", seconds)


def _phase_1_ids(rule: Rule) -> Iterator[str]:
    source = rule.srcid or (rule.host_name if rule.mode == "dynamic" else "")
    for tag, identity in (("ID", source), ("Remote-ID", rule.dstid)):
        if identity:
            yield _set(rule.phase_1, tag, f"id-{identity}")
            yield from _identity(f"id-{identity}", identity)


def _identity(section: str, identity: str) -> Iterator[str]:
    try:
        version = ip_address(identity).version
    except ValueError:
        yield _set(section, "ID-type", "USER_FQDN" if "@" in identity else "FQDN")
        yield _set(section, "Name", identity)
    else:
        yield _set(section, "ID-type", f"IPV{version}_ADDR")
        yield _set(section, "Address", identity)


def _quick_mode(rule: Rule) -> Iterator[str]:
    configuration, suite = f"phase2-{rule.name}", f"phase2-suite-{rule.name}"
    protocol = f"phase2-protocol-{rule.name}"
    yield _set(configuration, "EXCHANGE_TYPE", "QUICK_MODE")
    yield _set(configuration, "Suites", suite)
    yield _set(suite, "Protocols", protocol)
    yield _set(protocol, "PROTOCOL_ID", f"IPSEC_{rule.proto.upper()}")
    cipher, length = QUICK_CIPHERS[rule.quick.enc or "aes"] if rule.proto == "esp" else ("", "")
    digest = QUICK_HASHES.get(rule.quick.auth, "")
    if not digest and cipher not in NEED_NO_HASH:
        digest = "SHA2_256"
    group = "" if rule.quick.group == "none" else GROUPS[rule.quick.group or "modp3072"]
    encap = rule.encap.upper()
    transform = (
        f"phase2-transform-{rule.name}-{cipher or 'NONE'}{length.split(',')[0]}"
        f"-{digest or 'NONE'}-{group or 'NONE'}-{encap}"
    )
    yield _set(protocol, "Transforms", transform)
    yield _set(transform, "TRANSFORM_ID", cipher or digest)
    if length:
        yield _set(transform, "KEY_LENGTH", length)
    yield _set(transform, "ENCAPSULATION_MODE", encap)
    if digest:
        yield _set(transform, "AUTHENTICATION_ALGORITHM", f"HMAC_{digest}")
    if group:
        yield _set(transform, "GROUP_DESCRIPTION", group)
    yield from _life(transform, rule.quick.lifetime, "LIFE_QUICK_MODE")


def _phase_2_ids(rule: Rule) -> Iterator[str]:
    for section, end in zip(rule.ends, (rule.source, rule.destination), strict=True):
        if "/" in end:
            network = ip_network(end)
            yield _set(section, "ID-type", f"IPV{network.version}_ADDR_SUBNET")
            yield _set(section, "Network", network.network_address)
            yield _set(section, "Netmask", network.netmask)
        else:
            yield _set(section, "ID-type", f"IPV{ip_address(end).version}_ADDR")
            yield _set(section, "Address", end)
    if rule.protocol:
        for section in rule.ends:
            yield _set(section, "Protocol", rule.protocol)
    for section, port in zip(rule.ends, rule.ports, strict=True):
        if port:
            yield _set(section, "Port", port)
