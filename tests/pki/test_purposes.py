"""What OpenSSL's verifier may let pass is judged once more, over the path it found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from isakmpd.pki.certificate import Certificate, Purposes
from isakmpd.pki.purposes import judge_purposes
from isakmpd.pki.untrusted import Untrusted
from tests.pki.openssl_authority import LEAF, ROOT, Workshop

MIDDLE = "certificate C=SE, O=Example, CN=Purposes middle"
SIGNS = frozenset({"key_cert_sign"})


@pytest.fixture(scope="module")
def path(workshop: Workshop) -> tuple[Certificate, Certificate, Certificate]:
    root = workshop.root("Purposes", ROOT)
    middle = root.authority("Purposes middle", ROOT)
    return middle.issue("west", LEAF), middle.certificate, root.certificate


@pytest.mark.parametrize(
    ("purposes", "reason"),
    [
        (Purposes(authority=True, usages=SIGNS), None),
        (Purposes(authority=True, path_length=0), None),
        (Purposes(), f"{MIDDLE} is no authority's: its basicConstraints lack CA:TRUE"),
        (
            Purposes(authority=False),
            f"{MIDDLE} is no authority's: its basicConstraints lack CA:TRUE",
        ),
        (
            Purposes(authority=True, usages=frozenset({"crl_sign"})),
            f"{MIDDLE} may not sign certificates: its keyUsage lacks keyCertSign",
        ),
    ],
)
def test_an_authority_in_between(
    path: tuple[Certificate, Certificate, Certificate], purposes: Purposes, reason: str | None
) -> None:
    leaf, middle, root = path
    judged = (leaf, replace(middle, purposes=purposes), root)
    if reason is None:
        judge_purposes(judged)
        return
    with pytest.raises(Untrusted) as refusal:
        judge_purposes(judged)
    assert refusal.value.reason == reason


def test_a_root_may_be_silent_but_not_deny(
    path: tuple[Certificate, Certificate, Certificate],
) -> None:
    leaf, middle, root = path
    judge_purposes((leaf, middle, replace(root, purposes=Purposes())))
    with pytest.raises(Untrusted, match="lack CA:TRUE"):
        judge_purposes((leaf, middle, replace(root, purposes=Purposes(authority=False))))


def test_path_length_counts_those_in_between(
    path: tuple[Certificate, Certificate, Certificate],
) -> None:
    leaf, middle, root = path
    judge_purposes((leaf, middle, replace(root, purposes=Purposes(True, path_length=1))))
    with pytest.raises(Untrusted) as refusal:
        judge_purposes((leaf, middle, replace(root, purposes=Purposes(True, path_length=0))))
    assert refusal.value.reason == (
        "certificate C=SE, O=Example, CN=Purposes allows 0 authorities below it, found 1"
    )
