"""Write, read and compare single transforms of ESP, AH and IPCOMP (RFC 2407 section 4.5)."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.config.model import Phase2Transform
from isakmpd.crypto.keymat import (
    AH_AUTHENTICATION,
    AUTHENTICATION_KEY_OCTETS,
    ESP_KEYS,
    ah_key_length,
    esp_key_lengths,
)
from isakmpd.ike.ipsec import EVERYTHING, Capabilities, TransformId
from isakmpd.ike.lifetime import Lifetimes, lifetime_attributes, refused_lifetime
from isakmpd.ike.transform_values import read_values
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    EncapsulationMode,
    EspTransform,
    GroupDescription,
    IpcompTransform,
    Phase2Attribute,
    Protocol,
)
from isakmpd.wire.payloads import Transform

TUNNEL_MODES = (
    EncapsulationMode.TUNNEL,
    EncapsulationMode.UDP_ENCAP_TUNNEL,
    EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT,
)
UDP_MODES = (
    EncapsulationMode.UDP_ENCAP_TUNNEL,
    EncapsulationMode.UDP_ENCAP_TRANSPORT,
    EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT,
    EncapsulationMode.UDP_ENCAP_TRANSPORT_DRAFT,
)
_OF_EVERY_PROTOCOL: set[int] = {
    Phase2Attribute.LIFE_TYPE,
    Phase2Attribute.LIFE_DURATION,
    Phase2Attribute.GROUP_DESCRIPTION,
    Phase2Attribute.ENCAPSULATION_MODE,
}
_OF_A_KEYED_PROTOCOL = _OF_EVERY_PROTOCOL | {
    Phase2Attribute.AUTHENTICATION_ALGORITHM,
    Phase2Attribute.KEY_LENGTH,
}
_TRANSFORMS: dict[Protocol, type[TransformId]] = {
    Protocol.IPSEC_ESP: EspTransform,
    Protocol.IPSEC_AH: AhTransform,
    Protocol.IPCOMP: IpcompTransform,
}
_IN_UDP = {
    EncapsulationMode.TUNNEL: EncapsulationMode.UDP_ENCAP_TUNNEL,
    EncapsulationMode.TRANSPORT: EncapsulationMode.UDP_ENCAP_TRANSPORT,
}
_IN_UDP_BY_DRAFT = {
    EncapsulationMode.TUNNEL: EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT,
    EncapsulationMode.TRANSPORT: EncapsulationMode.UDP_ENCAP_TRANSPORT_DRAFT,
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Hold what decides on transforms beside the configuration.

    With ``nat`` ESP has to travel in UDP, with ``nat_t_port`` it can. ``drafts`` tells that the
    peer knows NAT traversal only as the drafts had it.
    """

    capabilities: Capabilities = EVERYTHING
    nat: bool = False
    nat_t_port: bool = False
    drafts: bool = False


@dataclass(frozen=True, slots=True)
class OfferedTransform:
    """Hold what a peer's transform says; ``key_length`` in bits, None where it cannot vary."""

    protocol: Protocol
    transform_id: TransformId
    key_length: int | None
    authentication: AuthenticationAlgorithm
    group: GroupDescription | None
    encapsulation: EncapsulationMode
    lifetimes: Lifetimes
    unsupported: tuple[str, ...]

    @property
    def core(self) -> tuple[int | None, ...]:
        """Give everything but the lifetimes."""
        return (
            self.transform_id,
            self.key_length,
            self.authentication,
            self.group,
            self.encapsulation,
        )

    @property
    def in_transport_mode(self) -> bool:
        """Tell whether this is transport mode, in UDP or not."""
        return self.encapsulation not in TUNNEL_MODES

    def __str__(self) -> str:
        length = f" KEY_LENGTH {self.key_length}" if self.key_length else ""
        group = f" {self.group}" if self.group else ""
        authentication = "" if self.protocol == Protocol.IPCOMP else f" {self.authentication}"
        return f"{self.transform_id}{length}{authentication} {self.encapsulation}{group}"


def write(
    number: int, protocol: Protocol, transform: Phase2Transform, circumstances: Circumstances
) -> Transform:
    """Offer a configured transform, its attributes in the original's order."""
    attributes = [
        *lifetime_attributes(
            transform.lifetimes, Phase2Attribute.LIFE_TYPE, Phase2Attribute.LIFE_DURATION
        ),
        Attribute.of(
            Phase2Attribute.ENCAPSULATION_MODE,
            _mode(protocol, transform.encapsulation, circumstances),
        ),
    ]
    if protocol != Protocol.IPCOMP:
        if transform.authentication:
            attributes.append(
                Attribute.of(Phase2Attribute.AUTHENTICATION_ALGORITHM, transform.authentication)
            )
        if transform.group:
            attributes.append(Attribute.of(Phase2Attribute.GROUP_DESCRIPTION, transform.group))
        if transform.key_length is not None:
            attributes.append(Attribute.of(Phase2Attribute.KEY_LENGTH, transform.key_length.value))
    return Transform(number, transform.transform_id, tuple(attributes))


def _mode(
    protocol: Protocol, mode: EncapsulationMode, circumstances: Circumstances
) -> EncapsulationMode:
    """Give the mode to ask for: ESP in UDP has modes of its own (RFC 3947 section 5.1)."""
    if protocol != Protocol.IPSEC_ESP or not circumstances.nat:
        return mode
    return (_IN_UDP_BY_DRAFT if circumstances.drafts else _IN_UDP).get(mode, mode)


def read(protocol: Protocol, transform: Transform) -> OfferedTransform:
    """Understand a peer's transform of ESP, AH or IPCOMP, as far as it can be understood."""
    supported = _OF_EVERY_PROTOCOL if protocol == Protocol.IPCOMP else _OF_A_KEYED_PROTOCOL
    values = read_values(transform.attributes, Phase2Attribute, supported)
    number = values.numbers.get
    group = number(Phase2Attribute.GROUP_DESCRIPTION)
    kind = _TRANSFORMS[protocol](transform.transform_id)
    authentication = AuthenticationAlgorithm(number(Phase2Attribute.AUTHENTICATION_ALGORITHM, 0))
    return OfferedTransform(
        protocol,
        kind,
        _key_length(kind, authentication, number(Phase2Attribute.KEY_LENGTH)),
        authentication,
        GroupDescription(group) if group is not None else None,
        # RFC 2407 section 4.5 leaves an absent mode to the implementation; everybody means tunnel.
        EncapsulationMode(number(Phase2Attribute.ENCAPSULATION_MODE, EncapsulationMode.TUNNEL)),
        values.lifetimes,
        values.unsupported,
    )


def _key_length(
    kind: TransformId, authentication: AuthenticationAlgorithm, bits: int | None
) -> int | None:
    """Give the length that counts: absent means the usual one, and a fixed one may be repeated."""
    if not isinstance(kind, EspTransform):
        fixed = AUTHENTICATION_KEY_OCTETS.get(authentication, 0) * 8
        return None if bits == fixed else bits
    if kind not in ESP_KEYS:
        return bits
    usual = ESP_KEYS[kind].default_bits
    if not ESP_KEYS[kind].key_lengths:
        return None if bits == usual else bits
    return usual if bits is None else bits


def key_octets(
    kind: TransformId, key_length: int | None, authentication: AuthenticationAlgorithm
) -> tuple[int, int]:
    """Give the octets KEYMAT holds for encryption and then for authentication.

    Raises ValueError, with the reason, for a transform no keys can be made for.
    """
    if isinstance(kind, EspTransform):
        return esp_key_lengths(kind, key_length, authentication)
    if isinstance(kind, IpcompTransform):
        return 0, 0
    octets = ah_key_length(kind)
    if authentication != AH_AUTHENTICATION[kind]:
        raise ValueError(f"AH {kind} with {authentication}, expected {AH_AUTHENTICATION[kind]}")
    if key_length is not None:
        raise ValueError(f"AH {kind} with KEY_LENGTH {key_length}, expected none")
    return 0, octets


def impossible(offered: OfferedTransform) -> str:
    """Say why no keys can be made for a transform; nothing where they can."""
    try:
        key_octets(offered.transform_id, offered.key_length, offered.authentication)
    except ValueError as fault:
        return str(fault)
    return ""


def distance(offered: OfferedTransform, configured: Phase2Transform) -> int:
    """Count differing algorithms, which is cheap: a peer may send thousands of transforms."""
    return (
        (offered.transform_id != configured.transform_id)
        + (offered.authentication != configured.authentication)
        + (offered.group != configured.group and offered.protocol != Protocol.IPCOMP)
    )


def differences(
    offered: OfferedTransform,
    configured: Phase2Transform,
    circumstances: Circumstances,
    *,
    key_exchange: bool,
) -> list[str]:
    """List what keeps a configured transform from accepting an offered one."""
    wanted = _TRANSFORMS[offered.protocol](configured.transform_id)
    found = []
    if offered.transform_id != wanted:
        found.append(f"TRANSFORM_ID: got {offered.transform_id}, expected {wanted}")
    if offered.authentication != configured.authentication:
        found.append(
            f"AUTHENTICATION_ALGORITHM: got {offered.authentication}, "
            f"expected {configured.authentication}"
        )
    found += _group_differences(offered, configured, key_exchange=key_exchange)
    if fault := mode_fault(offered, configured.encapsulation, circumstances):
        found.append(f"ENCAPSULATION_MODE: {fault}")
    if offered.transform_id == wanted:
        found += _key_length_differences(offered, configured)
    found += offered.unsupported
    if (refused := refused_lifetime(offered.lifetimes, configured.lifetimes)) is not None:
        found.append(refused)
    return [f"{difference} in [{configured.section}]" for difference in found]


def _group_differences(
    offered: OfferedTransform, configured: Phase2Transform, *, key_exchange: bool
) -> list[str]:
    if offered.protocol == Protocol.IPCOMP:
        return []  # it has no key to derive
    if offered.group != configured.group:
        got, expected = offered.group or "no PFS", configured.group or "no PFS"
        return [f"GROUP_DESCRIPTION: got {got}, expected {expected}"]
    if fault := key_exchange_fault(offered, key_exchange=key_exchange):
        return [f"GROUP_DESCRIPTION: {fault}"]
    return []


def key_exchange_fault(offered: OfferedTransform, *, key_exchange: bool) -> str:
    """Say that group and KE payload do not go together; nothing where they do."""
    if offered.protocol == Protocol.IPCOMP or (offered.group is not None) == key_exchange:
        return ""
    state = "with" if key_exchange else "without"
    return f"got {offered.group or 'no PFS'} {state} a KE payload"


def plain(mode: EncapsulationMode) -> EncapsulationMode:
    """Give TUNNEL or TRANSPORT, whatever carries the packets."""
    return EncapsulationMode.TUNNEL if mode in TUNNEL_MODES else EncapsulationMode.TRANSPORT


def mode_fault(
    offered: OfferedTransform, wanted: EncapsulationMode | None, circumstances: Circumstances
) -> str:
    """Say why an offered mode will not do where ``wanted``, or None for any, is configured."""
    got = offered.encapsulation
    in_udp = got in UDP_MODES
    nat = "a NAT" if circumstances.nat else "no NAT"
    asked = _mode(offered.protocol, wanted or EncapsulationMode.TUNNEL, circumstances)
    if got not in (*UDP_MODES, EncapsulationMode.TUNNEL, EncapsulationMode.TRANSPORT) or (
        wanted is not None and (got in TUNNEL_MODES) != (wanted in TUNNEL_MODES)
    ):
        return f"got {got}, expected {asked} ({nat} was detected)"
    if offered.protocol == Protocol.IPSEC_AH and (in_udp or circumstances.nat):
        return f"got {got} for AH, which cannot travel in UDP and passes no NAT"
    if in_udp and not (circumstances.nat or circumstances.nat_t_port):
        return f"got {got}, expected {asked} ({nat} was detected)"
    return ""


def _key_length_differences(offered: OfferedTransform, configured: Phase2Transform) -> list[str]:
    bits, length = offered.key_length, configured.key_length
    if length is not None and (bits is None or not length.accepts(bits)):
        return [f"KEY_LENGTH: got {bits}, expected {length}"]
    if fault := impossible(offered):
        return [f"KEY_LENGTH: got {fault}"]
    if length is None and bits is not None and isinstance(offered.transform_id, EspTransform):
        usual = ESP_KEYS[offered.transform_id].default_bits
        if bits < usual:
            return [f"KEY_LENGTH: got {bits}, expected {usual} or more"]
    return []
