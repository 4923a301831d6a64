"""Give every test of pki the workshop whose openssl makes its certificates."""

import pytest

from tests.pki.openssl_authority import Workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("pki"))
