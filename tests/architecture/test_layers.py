"""The layers of docs/design.md hold: who imports whom, and who may touch the system."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "isakmpd"

BELOW_IKE = {"policy", "pki", "keynote", "config", "crypto", "wire"}
EVERYTHING_BELOW_THE_SHELL = {"control", "privsep", "ipsec", "esp", "ike"} | BELOW_IKE
MAY_IMPORT: dict[str, set[str]] = {
    "cli": {"daemon", "simulation"} | EVERYTHING_BELOW_THE_SHELL,
    "daemon": EVERYTHING_BELOW_THE_SHELL,
    "simulation": EVERYTHING_BELOW_THE_SHELL,
    "control": {"ike", "config", "wire"},
    "ipsec": {"ike", "config", "wire", "esp", "crypto"},
    "privsep": {"ike", "config", "wire"},
    "ike": {"policy", "pki", "config", "crypto", "wire"},
    "policy": {"keynote", "pki", "config", "wire"},
    "pki": {"crypto", "wire"},
    "config": {"crypto", "wire"},
    "keynote": {"crypto", "wire"},
    "esp": {"crypto", "wire"},
    "crypto": {"wire"},
    "wire": set(),
}
# What the engine takes and gives; the rest of ike is its own business.
IKE_SURFACE = {"ipsec", "outputs", "snapshot", "transport"}
ONLY_THESE_MODULES: dict[tuple[str, str], set[str]] = {
    ("control", "ike"): IKE_SURFACE,
    ("ipsec", "ike"): IKE_SURFACE,
    ("privsep", "ike"): IKE_SURFACE,
    # Algorithms are named by the RFCs' numbers; of messages crypto knows nothing.
    ("crypto", "wire"): {"numbers"},
}

MAY_TOUCH_THE_SYSTEM = {"daemon", "privsep", "cli"}
SYSTEM_MODULES = {
    *("socket", "select", "selectors", "ssl", "asyncio", "threading", "multiprocessing"),
    *("concurrent", "subprocess", "signal", "time", "random", "secrets", "uuid", "os", "io"),
    *("fcntl", "ctypes", "tempfile", "shutil", "glob", "logging", "sched"),
}
SYSTEM_CALLS = {"open", "input", "print", "exec", "eval", "__import__"}
SYSTEM_METHODS = {
    *("read_text", "read_bytes", "write_text", "write_bytes", "unlink", "mkdir", "iterdir"),
    *("now", "utcnow", "today"),
}
# A library is the business of the layers named here and of no other.
LIBRARIES: dict[str, set[str]] = {
    # What a certificate holds is read by its library, never with a key of ours.
    "cryptography": {"crypto", "pki"},
    "OpenSSL": {"pki"},
    "Crypto": {"crypto"},
    "rich": {"cli"},
}


def breaches(layer: str, source: str, modules: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield one sentence for each rule that a module's source breaks.

    `modules` names the modules that exist, to tell `from isakmpd.ike import outputs` (a module)
    from `from isakmpd.ike import Engine` (a name in ike itself).
    """
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import() | ast.ImportFrom():
                for name in _imported(node, modules):
                    yield from (f"line {node.lineno}: {why}" for why in _judge_import(layer, name))
            case ast.Call() if layer not in MAY_TOUCH_THE_SYSTEM:
                yield from (f"line {node.lineno}: {why}" for why in _judge_call(node))


def _imported(node: ast.Import | ast.ImportFrom, modules: frozenset[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if node.level:
        return ["." * node.level + (node.module or "")]
    module = node.module or ""
    longer = [f"{module}.{alias.name}" for alias in node.names]
    return [name if name in modules else module for name in longer]


def _judge_import(layer: str, name: str) -> Iterator[str]:
    first, *rest = name.split(".")
    if name.startswith("."):
        yield f"relative import {name}: layers are named in full"
    elif first != "isakmpd":
        if first in SYSTEM_MODULES and layer not in MAY_TOUCH_THE_SYSTEM:
            yield f"{layer} touches the system by importing {name}"
        if first in LIBRARIES and layer not in LIBRARIES[first]:
            yield f"{layer} imports {first}, which is the business of {sorted(LIBRARIES[first])}"
    elif rest and rest[0] != layer:
        target = rest[0]
        if target not in MAY_IMPORT[layer]:
            yield f"{layer} imports {name}"
        elif rest[1:] and rest[1] not in ONLY_THESE_MODULES.get((layer, target), {rest[1]}):
            yield f"{layer} imports {name}, and not all of {target} is open to it"


def _judge_call(call: ast.Call) -> Iterator[str]:
    match call.func:
        case ast.Name(id=name) if name in SYSTEM_CALLS:
            yield f"calls {name}()"
        case ast.Attribute(attr=name) if name in SYSTEM_METHODS:
            yield f"calls .{name}()"


def all_modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = ("isakmpd", *path.relative_to(SOURCE).with_suffix("").parts)
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = all_modules()


def layer_of(name: str) -> str:
    """Return the layer of a module; isakmpd itself belongs to none and imports nothing."""
    return name.split(".")[1] if "." in name else "wire"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_keeps_to_its_layer(name: str) -> None:
    """No module imports sideways or up, and none below the shell touches the system."""
    source = MODULES[name].read_text(encoding="utf-8")
    assert list(breaches(layer_of(name), source, frozenset(MODULES))) == []


def test_every_layer_has_rules() -> None:
    """A folder nobody wrote rules for is not exempt from them."""
    folders = {path.name for path in SOURCE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders
    assert folders <= set(MAY_IMPORT)


def test_the_rules_have_no_circle() -> None:
    """Layers can be put in an order in which each imports only earlier ones."""
    placed: set[str] = set()
    while len(placed) < len(MAY_IMPORT):
        ready = {layer for layer, below in MAY_IMPORT.items() if below <= placed} - placed
        assert ready, f"a circle among {sorted(set(MAY_IMPORT) - placed)}"
        placed |= ready


@pytest.mark.parametrize(
    ("layer", "source", "complaint"),
    [
        ("wire", "import isakmpd.ike", "wire imports isakmpd.ike"),
        ("ike", "from isakmpd.daemon.loop import Loop", "ike imports isakmpd.daemon.loop"),
        ("ike", "from isakmpd import daemon", "ike imports isakmpd.daemon"),
        ("daemon", "from isakmpd.simulation import World", "daemon imports isakmpd.simulation"),
        ("simulation", "from isakmpd.daemon import Loop", "simulation imports isakmpd.daemon"),
        ("control", "from isakmpd.ike.exchange import Turn", "not all of ike is open to it"),
        ("control", "from isakmpd.ike import exchange", "not all of ike is open to it"),
        ("crypto", "from isakmpd.wire.header import Header", "not all of wire is open to it"),
        ("esp", "def f():\n    import isakmpd.config", "esp imports isakmpd.config"),
        ("ike", "from ..daemon import loop", "relative import"),
        ("ike", "import socket", "touches the system by importing socket"),
        ("ike", "import os.path", "touches the system by importing os.path"),
        ("ike", "from os import urandom", "touches the system by importing os"),
        ("esp", "from time import monotonic", "touches the system by importing time"),
        ("simulation", "import random", "touches the system by importing random"),
        ("config", "text = open('f').read()", "calls open()"),
        ("config", "from pathlib import Path\nPath('f').read_text()", "calls .read_text()"),
        ("ike", "import datetime\ndatetime.datetime.now()", "calls .now()"),
        ("ike", "print(1)", "calls print()"),
        ("ike", "from cryptography import x509", "imports cryptography, which is the business"),
        ("daemon", "from Crypto.Math import Numbers", "imports Crypto, which is the business"),
        ("control", "from rich.table import Table", "imports rich, which is the business"),
    ],
)
def test_a_breach_is_caught(layer: str, source: str, complaint: str) -> None:
    """Each rule has a snippet that breaks it and is reported."""
    modules = frozenset({"isakmpd.daemon", "isakmpd.ike.exchange", "isakmpd.ike.outputs"})
    found = list(breaches(layer, source, modules))
    assert len(found) == 1
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("ike", "from isakmpd.wire import header\nimport struct"),
        ("control", "from isakmpd.ike import outputs\nfrom isakmpd.ike.snapshot import Snapshot"),
        ("daemon", "import asyncio, os, time\nopen('f')"),
        ("crypto", "from cryptography.hazmat.primitives import hashes\nimport Crypto"),
        ("cli", "from isakmpd.daemon import loop\nfrom isakmpd.simulation import world"),
        ("simulation", "from isakmpd.ike.exchange import Turn"),
    ],
)
def test_what_is_allowed_passes(layer: str, source: str) -> None:
    """The rules forbid no more than the design does."""
    assert list(breaches(layer, source, frozenset({"isakmpd.ike.outputs"}))) == []


@pytest.mark.parametrize(("layer", "below"), [(a, b) for a in MAY_IMPORT for b in MAY_IMPORT[a]])
def test_a_right_taken_away_is_missed(
    layer: str, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table decides: without its entry, the same import is a breach."""
    source = f"import isakmpd.{below}"
    assert list(breaches(layer, source)) == []
    monkeypatch.setitem(MAY_IMPORT, layer, MAY_IMPORT[layer] - {below})
    assert list(breaches(layer, source)) == [f"line 1: {layer} imports isakmpd.{below}"]
