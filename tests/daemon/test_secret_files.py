"""Files with secrets are read only if nobody else can read them."""

import os
from pathlib import Path

import pytest

from isakmpd.daemon.secret_files import UnsafeFileError, read_secret_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a configuration as it should be."""
    path = tmp_path / "isakmpd.conf"
    path.write_bytes(b"Authentication= mekmitasdigoat\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_a_private_file_is_read(file: Path, mode: int) -> None:
    """Whatever its owner may do."""
    file.chmod(mode)
    assert read_secret_file(file) == b"Authentication= mekmitasdigoat\n"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o610, 0o604, 0o602, 0o601])
def test_any_bit_for_others_is_too_much(file: Path, mode: int) -> None:
    """The sentence says what is seen, what is expected and how to get there."""
    file.chmod(mode)
    expected = f"^{file} has mode {mode:04o} and may hold secrets, expected 0600: chmod 600 {file}$"
    with pytest.raises(UnsafeFileError, match=expected):
        read_secret_file(file)


@pytest.mark.root
def test_the_file_of_another_user_is_refused(file: Path) -> None:
    """He could change it at any time."""
    os.chown(file, 65534, 65534)
    with pytest.raises(UnsafeFileError, match=r"belongs to user 65534, expected root: chown 0 "):
        read_secret_file(file)


@pytest.mark.root
def test_what_a_link_points_to_counts(file: Path, tmp_path: Path) -> None:
    """A link may lead to a private file; who owns the link does not matter."""
    link = tmp_path / "link"
    link.symlink_to(file)
    os.chown(link, 65534, 65534, follow_symlinks=False)
    assert read_secret_file(link).startswith(b"Authentication")


def test_a_fifo_holds_nobody_up(tmp_path: Path) -> None:
    """It is refused at once instead of waited for."""
    path = tmp_path / "isakmpd.conf"
    os.mkfifo(path, 0o600)
    with pytest.raises(UnsafeFileError, match=r"is not a regular file"):
        read_secret_file(path)


def test_a_missing_file_is_the_caller_s_business(tmp_path: Path) -> None:
    """The daemon then runs on its defaults."""
    with pytest.raises(FileNotFoundError):
        read_secret_file(tmp_path / "missing")
