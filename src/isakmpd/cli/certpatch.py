"""Put an identity into a certificate, as certpatch(8) does."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from isakmpd.pki.certpatch import TYPES, UnpatchableError, patched


def main(arguments: Sequence[str] | None = None) -> int:
    """Patch one certificate; the exit status is 1 where nothing was written."""
    given = _parser().parse_args(arguments)
    try:
        made = patched(
            given.certificate.read_bytes(), given.key.read_bytes(), given.type, given.identity
        )
        _write(given.out, made)
    except OSError as error:
        return _say(f"{error.filename}: {error.strerror}")
    except UnpatchableError as error:
        return _say(f"{given.certificate}: {error}")
    return 0


def _say(sentence: str) -> int:
    print(f"certpatch: {sentence}", file=sys.stderr)  # noqa: T201
    return 1


def _write(path: Path, octets: bytes) -> None:
    """Replace a file at once, so that one patched in place is never lost halfway."""
    path = path.resolve()
    if path.exists() and not path.is_file():
        path.write_bytes(octets)
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(octets)
    Path(file.name).chmod(0o644)
    os.replace(file.name, path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="certpatch", description="put an identity into a certificate", allow_abbrev=False
    )
    parser.add_argument("-t", dest="type", choices=TYPES, default="ip", help="type of the identity")
    parser.add_argument("-i", dest="identity", metavar="ID", required=True, help="the identity")
    parser.add_argument(
        "-k", dest="key", metavar="CAKEY", type=Path, required=True, help="the CA's private key"
    )
    parser.add_argument("certificate", metavar="in.crt", type=Path)
    parser.add_argument("out", metavar="out.crt", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
