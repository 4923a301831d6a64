"""Tabulate what each message of each exchange must and may hold (RFC 2409 section 5)."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import PayloadType
from isakmpd.wire.payloads import Chain

P = PayloadType
_SINGLE = {P.SA, P.KE, P.NONCE, P.HASH, P.SIG, P.ATTRIBUTE}


@dataclass(frozen=True, slots=True)
class Step:
    """Describe one message: its name, the payloads it must hold, and whether it is encrypted.

    ``encrypted`` is None where either will do: the third of aggressive mode (RFC 2409 section 5).
    ``proof`` has it hold what proves its sender: HASH of a pre-shared key, or SIG.
    """

    name: str
    required: tuple[PayloadType, ...]
    encrypted: bool | None
    hash_first: bool = False
    proof: bool = False

    def check(self, chain: Chain) -> None:
        """Raise Malformed unless the payloads suit this step; further ones may stay."""
        kinds = [payload.type_on_wire for payload in chain.payloads]
        missing = [str(kind) for kind in self.required if kind not in kinds]
        if self.proof and (P.HASH in kinds) == (P.SIG in kinds):
            both = P.HASH in kinds
            missing.append("HASH or SIG alone" if both else "HASH or SIG")
        if missing:
            raise Malformed(f"{self.name} without {', '.join(missing)}")
        if self.hash_first and kinds[0] != P.HASH:
            raise Malformed(f"{self.name} whose first payload is {kinds[0]}, expected HASH")
        doubled = [str(kind) for kind in _SINGLE if kinds.count(kind) > 1]
        if doubled:
            raise Malformed(f"{self.name} with several {', '.join(doubled)}")


MM1 = Step("main mode message 1", (P.SA,), encrypted=False)
MM2 = Step("main mode message 2", (P.SA,), encrypted=False)
MM3 = Step("main mode message 3", (P.KE, P.NONCE), encrypted=False)
MM4 = Step("main mode message 4", (P.KE, P.NONCE), encrypted=False)
MM5 = Step("main mode message 5", (P.ID,), encrypted=True, proof=True)
MM6 = Step("main mode message 6", (P.ID,), encrypted=True, proof=True)
AM1 = Step("aggressive mode message 1", (P.SA, P.KE, P.NONCE, P.ID), encrypted=False)
AM2 = Step("aggressive mode message 2", (P.SA, P.KE, P.NONCE, P.ID), encrypted=False, proof=True)
AM3 = Step("aggressive mode message 3", (), encrypted=None, proof=True)
QM1 = Step("quick mode message 1", (P.HASH, P.SA, P.NONCE), encrypted=True, hash_first=True)
QM2 = Step("quick mode message 2", (P.HASH, P.SA, P.NONCE), encrypted=True, hash_first=True)
QM3 = Step("quick mode message 3", (P.HASH,), encrypted=True, hash_first=True)
CFG1 = Step("transaction message 1", (P.HASH, P.ATTRIBUTE), encrypted=True, hash_first=True)
CFG2 = Step("transaction message 2", (P.HASH, P.ATTRIBUTE), encrypted=True, hash_first=True)
INFO = Step("informational message", (P.HASH,), encrypted=True, hash_first=True)
