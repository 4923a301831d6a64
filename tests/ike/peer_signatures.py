"""The independent peer with signatures: RSA by hand, knowing nothing of ike/, pki/ or crypto/."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import rsa

from isakmpd.wire.payloads import (
    Certificate,
    CertificateRequest,
    Chain,
    Hash,
    Payload,
    Signature,
)
from tests.ike.peer import Peer

X509_SIGNATURE = 4


@dataclass
class SigningPeer(Peer):
    """Proves itself and the daemon as RFC 2409 section 5.1 says."""

    signing_key: rsa.RSAPrivateKey | None = None
    daemon_key: rsa.RSAPublicKey | None = None
    certificates: tuple[bytes, ...] = ()  # DER, sent along
    others: tuple[Payload, ...] = ()  # sent before SIG
    daemon_certificates: list[bytes] = field(default_factory=list)
    requested: list[bytes] = field(default_factory=list)  # authorities the daemon asked for
    tail: bytes = b""  # behind the hash that is signed, within the padding's block

    def root(self, ni: bytes, nr: bytes, g_xy: bytes) -> bytes:
        """SKEYID = prf(Ni_b | Nr_b, g^xy)."""
        return self.prf(ni + nr, g_xy)

    def proving(self, proof: bytes) -> tuple[Payload, ...]:
        """[CERT,] SIG."""
        sent = (Certificate(X509_SIGNATURE, each) for each in self.certificates)
        return (*sent, *self.others, Signature(self.signature(proof)))

    def signature(self, proof: bytes) -> bytes:
        """PKCS#1 type 1 of the hash alone, raised to the private exponent."""
        assert self.signing_key is not None
        numbers = self.signing_key.private_numbers()
        modulus = numbers.public_numbers.n
        length = (modulus.bit_length() + 7) // 8
        padding = b"\xff" * (length - 3 - len(proof) - len(self.tail))
        block = b"\0\1" + padding + b"\0" + proof + self.tail
        return pow(int.from_bytes(block), numbers.d, modulus).to_bytes(length)

    def check_hash(self, chain: Chain, identity: bytes, *, of_initiator: bool) -> None:
        """The daemon's signature is one of exactly the hash."""
        assert self.daemon_key is not None
        assert chain.first(Hash) is None
        self.daemon_certificates += [
            each.data for each in chain.all(Certificate) if each.encoding == X509_SIGNATURE
        ]
        expected = self.proof(of_initiator=of_initiator, sa=self.sa_body, identity=identity)
        numbers = self.daemon_key.public_numbers()
        length = (numbers.n.bit_length() + 7) // 8
        signature = chain.one(Signature).data
        assert len(signature) == length
        block = pow(int.from_bytes(signature), numbers.e, numbers.n).to_bytes(length)
        assert block == b"\0\1" + b"\xff" * (length - 3 - len(expected)) + b"\0" + expected

    def read(self, datagram: bytes, iv: bytes | None = None) -> Chain:
        """Note besides what certificates are asked for."""
        chain = super().read(datagram, iv)
        requests = chain.all(CertificateRequest)
        assert all(each.encoding == X509_SIGNATURE for each in requests)
        self.requested += [each.authority for each in requests]
        return chain
