"""What -L and p on write, other programs read: the whole conversation, in clear."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lab.deadline import until
from tests.daemon.loopback import Pair, answered, has, pair, wait_down

pytestmark = pytest.mark.namespaces
IDENTITY, HASH, SA, NONCE, DELETE = "5", "8", "1", "10", "12"
MAIN_MODE, QUICK_MODE, INFORMATIONAL = "2", "32", "5"


def read_by_tshark(file: Path) -> list[dict[str, Any]]:
    """Have an independent program decode the messages of a capture."""
    read = subprocess.run(
        ["tshark", "-r", file, "-T", "json", "-J", "isakmp ip udp", "--no-duplicate-keys"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [packet["_source"]["layers"] for packet in json.loads(read.stdout)]


def payload_types(message: object) -> set[str]:
    """List the payloads of a message by their numbers."""
    found: set[str] = set()
    if isinstance(message, dict):
        for key, value in message.items():
            if key == "isakmp.typepayload":
                found |= set(value if isinstance(value, list) else [value])
            else:
                found |= payload_types(value)
    elif isinstance(message, list):
        for one in message:
            found |= payload_types(one)
    return found


def exchanges(packets: list[dict[str, Any]]) -> list[str]:
    """List the exchange types of the messages, in order."""
    return [packet["isakmp"]["isakmp.exchangetype"] for packet in packets]


def check_clear(packets: list[dict[str, Any]]) -> None:
    """No message claims to be encrypted, and none is cut."""
    for packet in packets:
        flags = packet["isakmp"]["isakmp.flags_tree"]
        assert flags["isakmp.flag_e"] in ("0", False)
        assert int(packet["isakmp"]["isakmp.length"]) == int(packet["udp"]["udp.length"]) - 8


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a pair with -L leaves west's capture, once it has ended."""
    with pair(tmp_path_factory.mktemp("loud"), options=("-K", "-n", "-L")) as both:
        both.west.wait_tunnel("link")
        both.west.stop()
        return both.west.folder / "isakmpd.pcap"


def test_l_captures_the_whole_conversation_in_clear(loud: Path) -> None:
    """Six messages of main mode, three of quick mode, the Deletes: the encrypted ones decoded."""
    packets = read_by_tshark(loud)
    check_clear(packets)
    kinds = exchanges(packets)
    assert kinds[:9] == [MAIN_MODE] * 6 + [QUICK_MODE] * 3
    assert set(kinds[9:]) == {INFORMATIONAL}
    assert {IDENTITY, HASH} <= payload_types(packets[4]["isakmp"])
    assert {IDENTITY, HASH} <= payload_types(packets[5]["isakmp"])
    assert {HASH, SA, NONCE, IDENTITY} <= payload_types(packets[6]["isakmp"])
    assert any(DELETE in payload_types(packet["isakmp"]) for packet in packets[9:])


def test_each_message_goes_the_way_it_went(loud: Path) -> None:
    """Main mode takes turns, the initiator first."""
    sources = [packet["ip"]["ip.src"] for packet in read_by_tshark(loud)[:9]]
    west, east = "127.0.0.1", "127.0.0.2"
    assert sources == [west, east, west, east, west, east, west, east, west]


def capture(both: Pair, file: Path) -> None:
    """Capture a teardown and a negotiation of west's, and stop."""
    both.west.command(f"p on={file}")
    both.west.command("t link")
    wait_down(both.west, "link")
    both.west.command("c link")
    both.west.wait_tunnel("link")
    until(lambda: has(both.east, "link"), 5, "the last message")
    both.west.command("p off")
    answered(both.west)


def test_p_captures_from_now_on_until_it_is_switched_off(tmp_path: Path) -> None:
    """What came before and comes after is not in the file; a second capture continues it."""
    file = tmp_path / "wire.pcap"
    with pair(tmp_path) as both:
        both.west.wait_tunnel("link")
        capture(both, file)
        size = file.stat().st_size
        both.west.command("t link")
        wait_down(both.west, "link")
        assert file.stat().st_size == size
        both.west.command("c link")
        both.west.wait_tunnel("link")
        packets = read_by_tshark(file)
        check_clear(packets)
        assert MAIN_MODE not in exchanges(packets)
        assert exchanges(packets).count(QUICK_MODE) == 3
        capture(both, file)
    assert exchanges(read_by_tshark(file)).count(QUICK_MODE) == 6
