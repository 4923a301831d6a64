"""Fuzz one target in this process, which ends with the first fault or when the time is up.

python -m fuzz.one TARGET [libFuzzer's options and folders]
"""

import sys

import atheris


def main() -> None:
    """Instrument what is fuzzed, then never return: libFuzzer ends the process."""
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["isakmpd"]):
        from fuzz.targets import TARGETS  # noqa: PLC0415
    atheris.Setup(sys.argv, TARGETS[name].run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
