"""Spell numbers the way isakmpd.conf does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    AuthenticationMethod,
    Doi,
    EncapsulationMode,
    EncryptionAlgorithm,
    EspTransform,
    ExchangeType,
    GroupDescription,
    HashAlgorithm,
    IdType,
    IpcompTransform,
    LifeType,
    OpenEnum,
    Protocol,
)

E = TypeVar("E", bound=OpenEnum)


class Vocabulary(Generic[E]):
    """Hold the constants one tag may have; case does not matter."""

    def __init__(self, members: Iterable[E]) -> None:
        self._members = {str(member): member for member in members}

    @property
    def names(self) -> tuple[str, ...]:
        """List the constants as a configuration spells them."""
        return tuple(self._members)

    def find(self, name: str) -> E | None:
        """Find the number a constant stands for, None for an unknown one."""
        return self._members.get(name.upper())


ENCRYPTION_ALGORITHM = Vocabulary(EncryptionAlgorithm)
HASH_ALGORITHM = Vocabulary(HashAlgorithm)
AUTHENTICATION_METHOD = Vocabulary(AuthenticationMethod)
GROUP_DESCRIPTION = Vocabulary(GroupDescription)
LIFE_TYPE = Vocabulary(LifeType)
DOI = Vocabulary(Doi)
PHASE_1_EXCHANGE = Vocabulary((ExchangeType.ID_PROT, ExchangeType.AGGRESSIVE))
PHASE_2_EXCHANGE = Vocabulary((ExchangeType.QUICK_MODE,))
PROTOCOL_ID = Vocabulary((Protocol.IPSEC_AH, Protocol.IPSEC_ESP, Protocol.IPCOMP))
ESP_TRANSFORM = Vocabulary(EspTransform)
AH_TRANSFORM = Vocabulary(AhTransform)
IPCOMP_TRANSFORM = Vocabulary(IpcompTransform)
ENCAPSULATION_MODE = Vocabulary(EncapsulationMode)
AUTHENTICATION_ALGORITHM = Vocabulary(
    member for member in AuthenticationAlgorithm if member is not AuthenticationAlgorithm.NONE
)
PHASE_1_ID = Vocabulary(IdType)
CLIENT_ID = Vocabulary(
    (
        IdType.IPV4_ADDR,
        IdType.IPV6_ADDR,
        IdType.IPV4_ADDR_SUBNET,
        IdType.IPV6_ADDR_SUBNET,
    )
)
