"""Builds the package once and gives it to whoever installs or inspects it."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.gateways import TwoGateways, two_gateways
from lab.machine import CHECKOUT, Machine
from tests.packaging.installed import install


@pytest.fixture(scope="session")
def package() -> Path:
    """The package, as `make deb` builds it."""
    built = subprocess.run(
        ["make", "--no-print-directory", "deb"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return CHECKOUT / built.stdout.splitlines()[-1]


@pytest.fixture(scope="session")
def unpacked(package: Path) -> Iterator[Path]:
    """What is in the package, without the maintainer scripts' having run."""
    with tempfile.TemporaryDirectory(prefix="isakmpd-lab-") as folder:
        subprocess.run(["dpkg-deb", "--raw-extract", package, folder], check=True)
        yield Path(folder)


@pytest.fixture(scope="module")
def gateways() -> Iterator[TwoGateways]:
    """Two gateways whose LANs reach each other in clear until there is a tunnel."""
    with two_gateways(hosts=False) as lab:
        yield lab


@pytest.fixture(scope="module")
def machine(gateways: TwoGateways, package: Path) -> Iterator[Machine]:
    """The west gateway, as a machine with the package in it and no configuration."""
    with Machine(gateways.west, gateways.folder) as booted:
        install(booted, package)
        yield booted
