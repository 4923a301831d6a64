"""The package as a file: what is in it, whose, with which rights, and what it must not hold."""

import re
import subprocess
from pathlib import Path

import pytest

from lab.machine import CHECKOUT

pytestmark = pytest.mark.package

DIRECTORIES = {
    "etc/isakmpd": "drwxr-xr-x",
    "etc/isakmpd/ca": "drwxr-xr-x",
    "etc/isakmpd/certs": "drwxr-xr-x",
    "etc/isakmpd/crls": "drwxr-xr-x",
    "etc/isakmpd/keynote": "drwxr-xr-x",
    "etc/isakmpd/private": "drwx------",
    "etc/isakmpd/pubkeys/ipv4": "drwxr-xr-x",
    "etc/isakmpd/pubkeys/ipv6": "drwxr-xr-x",
    "etc/isakmpd/pubkeys/fqdn": "drwxr-xr-x",
    "etc/isakmpd/pubkeys/ufqdn": "drwxr-xr-x",
}
FILES = {
    "etc/default/isakmpd": "-rw-r--r--",
    "lib/systemd/system/isakmpd.service": "-rw-r--r--",
    "usr/lib/isakmpd/bin/isakmpd": "-rwxr-xr-x",
    "usr/lib/isakmpd/bin/isakmpctl": "-rwxr-xr-x",
    "usr/lib/isakmpd/bin/certpatch": "-rwxr-xr-x",
    "usr/lib/sysusers.d/isakmpd.conf": "-rw-r--r--",
    "usr/lib/tmpfiles.d/isakmpd.conf": "-rw-r--r--",
    "usr/share/bash-completion/completions/isakmpctl": "-rw-r--r--",
    "usr/share/doc/isakmpd/changelog.gz": "-rw-r--r--",
    "usr/share/doc/isakmpd/changelog.Debian.gz": "-rw-r--r--",
    "usr/share/doc/isakmpd/copyright": "-rw-r--r--",
    "usr/share/doc/isakmpd/examples/x509v3.cnf": "-rw-r--r--",
    "usr/share/doc/isakmpd/examples/two-gateways/west.conf": "-rw-r--r--",
    "usr/share/zsh/vendor-completions/_isakmpctl": "-rw-r--r--",
}
# What builds, tests or installs Python packages.
NOT_SHIPPED = ("pip", "setuptools", "hatchling", "editables", "pytest", "hypothesis", "scapy", "uv")


def said(*command: str | Path) -> str:
    """Run a command and return what it prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def listing(package: Path) -> dict[str, tuple[str, str]]:
    """Mode and owner of everything in the package, by path."""
    words = (line.split(maxsplit=5) for line in said("dpkg-deb", "-c", package).splitlines())
    return {
        path.removeprefix("./").partition(" -> ")[0].rstrip("/"): (mode, owner)
        for mode, owner, _size, _day, _time, path in words
    }


def test_everything_is_there_with_its_mode(listing: dict[str, tuple[str, str]]) -> None:
    pages = {
        f"usr/share/man/man{page.suffix[1:]}/{page.name}.gz": "-rw-r--r--"
        for page in (CHECKOUT / "docs" / "man").iterdir()
    }
    assert len(pages) >= 4
    expected = DIRECTORIES | FILES | pages
    assert {path: listing.get(path, ("missing",))[0] for path in expected} == expected


def test_everything_is_roots_and_nobody_elses_to_write(
    listing: dict[str, tuple[str, str]],
) -> None:
    assert {owner for _mode, owner in listing.values()} == {"root/root"}
    loose = [
        path
        for path, (mode, _owner) in listing.items()
        if mode[0] != "l" and (mode[5] == "w" or mode[8] == "w" or "s" in mode)
    ]
    assert loose == []


def test_nothing_of_the_building_machine_is_left(unpacked: Path) -> None:
    """No file names the checkout, and no link leads out of the package but to its Python."""
    place = str(CHECKOUT).encode()
    naming = [
        path
        for path in unpacked.rglob("*")
        if path.is_file() and not path.is_symlink() and place in path.read_bytes()
    ]
    assert naming == []
    leading_out = {
        path.name: str(path.readlink())
        for path in unpacked.rglob("*")
        if path.is_symlink() and not path.exists()
    }
    assert leading_out == {"python3": "../../../bin/" + python_of(unpacked)}


def python_of(unpacked: Path) -> str:
    """Name the Python that the package's folder of packages is for."""
    return next((unpacked / "usr/lib/isakmpd/lib").iterdir()).name


def test_only_what_runs_the_daemon_is_shipped(unpacked: Path) -> None:
    folder = unpacked / "usr/lib/isakmpd/lib" / python_of(unpacked) / "site-packages"
    found = {path.name.partition("-")[0].lower() for path in folder.iterdir()}
    assert {"isakmpd", "cryptography", "crypto"} <= found
    assert found.isdisjoint(NOT_SHIPPED)
    assert not (folder / "Crypto" / "SelfTest").exists()
    programs = {path.name for path in (unpacked / "usr/lib/isakmpd/bin").iterdir()}
    assert programs == {"isakmpd", "isakmpctl", "certpatch", "python3"}


def test_every_module_is_compiled_and_tells_its_installed_path(unpacked: Path) -> None:
    """Unchecked hashes (PEP 552): no time and no build path goes into what is compiled."""
    folder = unpacked / "usr/lib/isakmpd/lib"
    compiled = {path.name.partition(".")[0] for path in folder.rglob("isakmpd/**/*.pyc")}
    assert {path.stem for path in folder.rglob("isakmpd/**/*.py")} == compiled
    flags = {path.read_bytes()[4:8] for path in folder.rglob("*.pyc")}
    assert flags == {(0b01).to_bytes(4, "little")}
    engine = next(folder.rglob("isakmpd/ike/__pycache__/engine.*.pyc")).read_bytes()
    assert (
        f"/usr/lib/isakmpd/lib/{python_of(unpacked)}/site-packages/isakmpd/ike/".encode() in engine
    )


def test_it_depends_on_the_python_and_the_c_library_it_was_built_for(
    package: Path, unpacked: Path
) -> None:
    depends = said("dpkg-deb", "-f", package, "Depends").strip().split(", ")
    assert python_of(unpacked) in depends
    asked = {
        tuple(map(int, found.split(b".")))
        for module in unpacked.rglob("*.so")
        for found in re.findall(rb"GLIBC_(\d+\.\d+)\b", module.read_bytes())
    }
    newest = ".".join(map(str, max(asked)))
    assert f"libc6 (>= {newest})" in depends


def test_lintian_finds_nothing_that_is_not_explained(package: Path) -> None:
    """A tag is either mended or overridden with its reason."""
    done = subprocess.run(
        ["lintian", "--allow-root", package],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr
