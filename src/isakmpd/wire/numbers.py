"""Hold the numbers the RFCs assign, as open enumerations in which unknown values survive."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Self, TypeVar


class OpenEnum(IntEnum):
    """Keep a value nobody assigned as a member named after it, such as ``NotifyType_40501``."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or value < 0:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"{cls.__name__}_{value}"
        member._value_ = value
        return member

    @property
    def assigned(self) -> bool:
        """Tell whether the value has a name of its own."""
        return self._value_ in type(self)._value2member_map_

    def __reduce_ex__(self, _protocol: object) -> tuple[type[Self], tuple[int]]:
        # By number: some Pythons (3.11.2) go by name, which an unassigned one has not.
        return type(self), (self._value_,)

    def __str__(self) -> str:
        # The RFCs' 3DES, with which no name can begin in Python.
        return self._name_.replace("TRIPLE_", "3")


M = TypeVar("M", bound=OpenEnum)


class Members(dict[int, M]):
    """Look members up by number, four times as fast as calling their class does.

    Unassigned numbers are made anew each time: a peer could fill a table that kept them.
    """

    def __init__(self, cls: type[M]) -> None:
        super().__init__((member.value, member) for member in cls)
        self._cls = cls

    def __missing__(self, number: int) -> M:
        return self._cls(number)


class PayloadType(OpenEnum):
    """Payload types (RFC 2408 section 3.1, RFC 3947 section 9)."""

    NONE = 0
    SA = 1
    PROPOSAL = 2
    TRANSFORM = 3
    KE = 4
    ID = 5
    CERT = 6
    CERTREQ = 7
    HASH = 8
    SIG = 9
    NONCE = 10
    NOTIFY = 11
    DELETE = 12
    VENDOR = 13
    ATTRIBUTE = 14
    NAT_D = 20
    NAT_OA = 21
    NAT_D_DRAFT = 130
    NAT_OA_DRAFT = 131


class ExchangeType(OpenEnum):
    """Exchange types (RFC 2408 section 3.1, RFC 2409 appendix A)."""

    NONE = 0
    BASE = 1
    ID_PROT = 2
    AUTH_ONLY = 3
    AGGRESSIVE = 4
    INFO = 5
    TRANSACTION = 6
    QUICK_MODE = 32
    NEW_GROUP_MODE = 33


class Flags(IntFlag):
    """Header flags (RFC 2408 section 3.1)."""

    NONE = 0
    ENCRYPTION = 1
    COMMIT = 2
    AUTHENTICATION_ONLY = 4


class Doi(OpenEnum):
    """Domains of interpretation (RFC 2407)."""

    ISAKMP = 0
    IPSEC = 1


class Protocol(OpenEnum):
    """Security protocol identifiers (RFC 2407 section 4.4.1)."""

    NONE = 0
    ISAKMP = 1
    IPSEC_AH = 2
    IPSEC_ESP = 3
    IPCOMP = 4


class IdType(OpenEnum):
    """Identification types (RFC 2407 section 4.6.2.1)."""

    IPV4_ADDR = 1
    FQDN = 2
    USER_FQDN = 3
    IPV4_ADDR_SUBNET = 4
    IPV6_ADDR = 5
    IPV6_ADDR_SUBNET = 6
    IPV4_RANGE = 7
    IPV6_RANGE = 8
    DER_ASN1_DN = 9
    DER_ASN1_GN = 10
    KEY_ID = 11


class NotifyType(OpenEnum):
    """Notify message types (RFC 2408 section 3.14.1, RFC 2407 section 4.6.3, RFC 3706)."""

    INVALID_PAYLOAD_TYPE = 1
    DOI_NOT_SUPPORTED = 2
    SITUATION_NOT_SUPPORTED = 3
    INVALID_COOKIE = 4
    INVALID_MAJOR_VERSION = 5
    INVALID_MINOR_VERSION = 6
    INVALID_EXCHANGE_TYPE = 7
    INVALID_FLAGS = 8
    INVALID_MESSAGE_ID = 9
    INVALID_PROTOCOL_ID = 10
    INVALID_SPI = 11
    INVALID_TRANSFORM_ID = 12
    ATTRIBUTES_NOT_SUPPORTED = 13
    NO_PROPOSAL_CHOSEN = 14
    BAD_PROPOSAL_SYNTAX = 15
    PAYLOAD_MALFORMED = 16
    INVALID_KEY_INFORMATION = 17
    INVALID_ID_INFORMATION = 18
    INVALID_CERT_ENCODING = 19
    INVALID_CERTIFICATE = 20
    CERT_TYPE_UNSUPPORTED = 21
    INVALID_CERT_AUTHORITY = 22
    INVALID_HASH_INFORMATION = 23
    AUTHENTICATION_FAILED = 24
    INVALID_SIGNATURE = 25
    ADDRESS_NOTIFICATION = 26
    NOTIFY_SA_LIFETIME = 27
    CERTIFICATE_UNAVAILABLE = 28
    UNSUPPORTED_EXCHANGE_TYPE = 29
    UNEQUAL_PAYLOAD_LENGTHS = 30
    CONNECTED = 16384
    RESPONDER_LIFETIME = 24576
    REPLAY_STATUS = 24577
    INITIAL_CONTACT = 24578
    R_U_THERE = 36136
    R_U_THERE_ACK = 36137


class ConfigurationType(OpenEnum):
    """What an ATTRIBUTE payload does (draft-dukes-ike-mode-cfg-02 section 3.2)."""

    REQUEST = 1
    REPLY = 2
    SET = 3
    ACK = 4


class ConfigurationAttribute(OpenEnum):
    """What an ATTRIBUTE payload holds (draft-dukes-ike-mode-cfg-02 section 3.3).

    Numbers from 16384 on are private: XAUTH has 16520 to 16529, Cisco Unity 28672 and above.
    """

    INTERNAL_IP4_ADDRESS = 1
    INTERNAL_IP4_NETMASK = 2
    INTERNAL_IP4_DNS = 3
    INTERNAL_IP4_NBNS = 4
    INTERNAL_ADDRESS_EXPIRY = 5
    INTERNAL_IP4_DHCP = 6
    APPLICATION_VERSION = 7
    INTERNAL_IP6_ADDRESS = 8
    INTERNAL_IP6_NETMASK = 9
    INTERNAL_IP6_DNS = 10
    INTERNAL_IP6_NBNS = 11
    INTERNAL_IP6_DHCP = 12
    INTERNAL_IP4_SUBNET = 13
    SUPPORTED_ATTRIBUTES = 14
    INTERNAL_IP6_SUBNET = 15


class Phase1Attribute(OpenEnum):
    """Attribute classes of an IKE transform (RFC 2409 appendix A)."""

    ENCRYPTION_ALGORITHM = 1
    HASH_ALGORITHM = 2
    AUTHENTICATION_METHOD = 3
    GROUP_DESCRIPTION = 4
    GROUP_TYPE = 5
    GROUP_PRIME = 6
    GROUP_GENERATOR_1 = 7
    GROUP_GENERATOR_2 = 8
    GROUP_CURVE_A = 9
    GROUP_CURVE_B = 10
    LIFE_TYPE = 11
    LIFE_DURATION = 12
    PRF = 13
    KEY_LENGTH = 14
    FIELD_SIZE = 15
    GROUP_ORDER = 16


class Phase2Attribute(OpenEnum):
    """Attribute classes of an IPsec transform (RFC 2407 section 4.5)."""

    LIFE_TYPE = 1
    LIFE_DURATION = 2
    GROUP_DESCRIPTION = 3
    ENCAPSULATION_MODE = 4
    AUTHENTICATION_ALGORITHM = 5
    KEY_LENGTH = 6
    KEY_ROUNDS = 7
    COMPRESS_DICTIONARY_SIZE = 8
    COMPRESS_PRIVATE_ALGORITHM = 9
    ECN_TUNNEL = 10


class EncryptionAlgorithm(OpenEnum):
    """Phase 1 ciphers (RFC 2409 appendix A)."""

    DES_CBC = 1
    IDEA_CBC = 2
    BLOWFISH_CBC = 3
    RC5_R16_B64_CBC = 4
    TRIPLE_DES_CBC = 5
    CAST_CBC = 6
    AES_CBC = 7


class HashAlgorithm(OpenEnum):
    """Phase 1 hashes (RFC 2409 appendix A)."""

    MD5 = 1
    SHA = 2
    TIGER = 3
    SHA2_256 = 4
    SHA2_384 = 5
    SHA2_512 = 6


class AuthenticationMethod(OpenEnum):
    """Phase 1 authentication methods (RFC 2409 appendix A, RFC 4754)."""

    PRE_SHARED = 1
    DSS = 2
    RSA_SIG = 3
    RSA_ENC = 4
    RSA_ENC_REV = 5
    ECDSA_256 = 9
    ECDSA_384 = 10
    ECDSA_521 = 11


class GroupDescription(OpenEnum):
    """Diffie-Hellman groups (RFC 2409 section 6, RFC 3526, RFC 5903, RFC 6932)."""

    MODP_768 = 1
    MODP_1024 = 2
    EC2N_155 = 3
    EC2N_185 = 4
    MODP_1536 = 5
    MODP_2048 = 14
    MODP_3072 = 15
    MODP_4096 = 16
    MODP_6144 = 17
    MODP_8192 = 18
    ECP_256 = 19
    ECP_384 = 20
    ECP_521 = 21
    ECP_192 = 25
    ECP_224 = 26
    BP_224 = 27
    BP_256 = 28
    BP_384 = 29
    BP_512 = 30


class LifeType(OpenEnum):
    """What a lifetime counts (RFC 2407 section 4.5, RFC 2409 appendix A)."""

    SECONDS = 1
    KILOBYTES = 2


class EspTransform(OpenEnum):
    """ESP transform identifiers (RFC 2407 section 4.4.4 and the IANA registry)."""

    DES_IV64 = 1
    DES = 2
    TRIPLE_DES = 3
    RC5 = 4
    IDEA = 5
    CAST = 6
    BLOWFISH = 7
    TRIPLE_IDEA = 8
    DES_IV32 = 9
    RC4 = 10
    NULL = 11
    AES = 12
    AES_CTR = 13
    AES_GCM_16 = 20
    AES_GMAC = 23


class AhTransform(OpenEnum):
    """AH transform identifiers (RFC 2407 section 4.4.3)."""

    MD5 = 2
    SHA = 3
    DES = 4
    SHA2_256 = 5
    SHA2_384 = 6
    SHA2_512 = 7
    RIPEMD = 8


class IpcompTransform(OpenEnum):
    """IPCOMP transform identifiers (RFC 2407 section 4.4.5)."""

    OUI = 1
    DEFLATE = 2
    LZS = 3
    V42BIS = 4


class EncapsulationMode(OpenEnum):
    """Encapsulation modes (RFC 2407 section 4.5, RFC 3947 section 5.1 and its drafts)."""

    TUNNEL = 1
    TRANSPORT = 2
    UDP_ENCAP_TUNNEL = 3
    UDP_ENCAP_TRANSPORT = 4
    UDP_ENCAP_TUNNEL_DRAFT = 61443
    UDP_ENCAP_TRANSPORT_DRAFT = 61444


class AuthenticationAlgorithm(OpenEnum):
    """Phase 2 integrity algorithms (RFC 2407 section 4.5); NONE for a combined-mode cipher."""

    NONE = 0
    HMAC_MD5 = 1
    HMAC_SHA = 2
    DES_MAC = 3
    KPDK = 4
    HMAC_SHA2_256 = 5
    HMAC_SHA2_384 = 6
    HMAC_SHA2_512 = 7
    HMAC_RIPEMD = 8


ISAKMP_TRANSFORM_KEY_IKE = 1
SITUATION_IDENTITY_ONLY = 1
