"""A process that runs the data plane with keys given by hand, for tests before and beside IKE.

It takes one JSON argument, prints "ready", then prints what it carried for every line it reads,
having installed the flow that the line describes, if any; at end of input it stops cleanly.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from isakmpd.daemon.data_plane import DataPlane, Surroundings
from isakmpd.daemon.udp import Ports, Receivers, UdpSockets
from isakmpd.ike.ipsec import (
    Answer,
    Assign,
    Assignment,
    Direction,
    Done,
    Event,
    Flow,
    Guard,
    InstallFlow,
    InstallSa,
    OriginalAddresses,
    SaKey,
    SaKeys,
    Selector,
    SimplexSa,
    UdpEncapsulation,
)
from isakmpd.privsep.inprocess import InProcess
from isakmpd.wire.numbers import AuthenticationAlgorithm as Auth
from isakmpd.wire.numbers import EncapsulationMode, EspTransform

ALGORITHMS: dict[str, tuple[EspTransform, int, Auth, int]] = {
    # octets of encryption key (with salt) and of authentication key
    **{
        f"aes{bits}-{name}": (EspTransform.AES, bits // 8, auth, octets)
        for bits in (128, 192, 256)
        for name, auth, octets in (
            ("md5", Auth.HMAC_MD5, 16),
            ("sha1", Auth.HMAC_SHA, 20),
            ("sha256", Auth.HMAC_SHA2_256, 32),
            ("sha384", Auth.HMAC_SHA2_384, 48),
            ("sha512", Auth.HMAC_SHA2_512, 64),
        )
    },
    "3des-md5": (EspTransform.TRIPLE_DES, 24, Auth.HMAC_MD5, 16),
    "3des-sha1": (EspTransform.TRIPLE_DES, 24, Auth.HMAC_SHA, 20),
    "3des-sha256": (EspTransform.TRIPLE_DES, 24, Auth.HMAC_SHA2_256, 32),
    "3des-sha384": (EspTransform.TRIPLE_DES, 24, Auth.HMAC_SHA2_384, 48),
    "3des-sha512": (EspTransform.TRIPLE_DES, 24, Auth.HMAC_SHA2_512, 64),
    "gcm128": (EspTransform.AES_GCM_16, 20, Auth.NONE, 0),
    "gcm192": (EspTransform.AES_GCM_16, 28, Auth.NONE, 0),
    "gcm256": (EspTransform.AES_GCM_16, 36, Auth.NONE, 0),
}


def keys(algorithm: str, towards: str) -> SaKeys:
    """Give both ends the same keys for one direction, and each direction others."""
    transform, encryption, auth, authentication = ALGORITHMS[algorithm]
    source = random.Random(f"{algorithm} {towards}")
    return SaKeys(transform, auth, source.randbytes(encryption), source.randbytes(authentication))


def _towards(flow: dict[str, Any]) -> Direction:
    """Name the direction whose keys both ends call the first ones."""
    return Direction.INBOUND if flow.get("mirrored") else Direction.OUTBOUND


def associations(flow: dict[str, Any]) -> tuple[SimplexSa, SimplexSa]:
    """Give the outbound and inbound SA of a flow described in JSON, seen from this end."""
    here, there = ip_address(flow["here"]), ip_address(flow["there"])
    selector = Selector(
        ip_network(flow["local"]),
        ip_network(flow["remote"]),
        flow.get("protocol", 0),
        flow.get("local_port", 0),
        flow.get("remote_port", 0),
    )
    ends = ((Direction.OUTBOUND, there, here), (Direction.INBOUND, here, there))
    mode = EncapsulationMode.TRANSPORT if flow.get("transport") else EncapsulationMode.TUNNEL
    originals = [ip_address(end) for end in flow.get("originals", ())]
    number = flow.get("number", 0)
    outbound, inbound = (
        SimplexSa(
            SaKey(direction, destination, 0x1000 + number),
            source,
            keys(flow["algorithm"], f"{direction is _towards(flow)} {number}"),
            mode,
            selector,
            64,
            UdpEncapsulation(4500, flow.get("udp_port", 4500)) if flow.get("udp") else None,
            originals=OriginalAddresses(*originals) if originals else None,
        )
        for direction, destination, source in ends
    )
    return outbound, inbound


def install(plane: DataPlane, flow: dict[str, Any], now: float) -> None:
    """Install both SAs of a flow, and the flow."""
    outbound, inbound = associations(flow)
    plane.submit(InstallSa(1, inbound), now)
    plane.submit(InstallSa(2, outbound), now)
    one = Flow(outbound.selector, flow.get("peer", ""))
    plane.submit(InstallFlow(3, one, (outbound.key,), "static"), now)


def open_gateway(
    wanted: dict[str, Any], reports: list[Answer | Event]
) -> tuple[DataPlane, UdpSockets]:
    """Open the data plane with UDP 4500 beside it, and install what is wanted."""
    loop = asyncio.get_running_loop()

    def log(line: str) -> None:
        print(line, flush=True)  # noqa: T201

    surroundings = Surroundings(
        InProcess(),
        loop,
        Path(wanted["run_directory"]),
        log,
        lambda *packets: udp.send_esp_run(*packets),  # noqa: PLW0108 - bound below
    )
    plane = DataPlane(surroundings, reports.append)
    receivers = Receivers(ike=lambda *_: None, esp=plane.receive_udp_esp)
    udp = UdpSockets(
        plane.bind_udp, receivers, loop, log, ports=Ports(*wanted["ports"]), families=(4, 6)
    )
    for failure in udp.listen():
        raise SystemExit(failure)
    for assigned in wanted["assigned"]:
        plane.submit(Assign(4, "static", Assignment((ip_network(assigned),))), loop.time())
    for guard in wanted["guards"]:
        selector = associations(guard)[0].selector
        plane.submit(Guard(5, selector, "static", hold=guard.get("hold", False)), loop.time())
    for flow in wanted["flows"]:
        install(plane, flow, loop.time())
    if any(not isinstance(answer, Done) for answer in reports):
        raise SystemExit(f"refused: {reports}")
    plane.begun()
    return plane, udp


async def main() -> None:
    """Run until end of input."""
    wanted = json.loads(sys.argv[1])
    reports: list[Answer | Event] = []
    plane, udp = open_gateway(wanted, reports)
    reports.clear()
    inbound = [associations(flow)[1].key for flow in wanted["flows"]]
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def answer() -> None:
        line = sys.stdin.readline()
        if not line:
            loop.remove_reader(0)
            ended.set_result(None)
            return
        if line.strip():
            install(plane, json.loads(line), loop.time())
        usages = [plane.usage(key) for key in inbound]
        packets = [usage.packets for usage in usages if usage is not None]
        said = [f"{report}" for report in reports]
        known = {"drops": dict(plane.drops), "packets": packets, "reports": said}
        print(json.dumps(known), flush=True)  # noqa: T201

    loop.add_reader(0, answer)
    print(f"ready {plane.device}", flush=True)  # noqa: T201
    await ended
    udp.close()
    plane.close()


if __name__ == "__main__":
    asyncio.run(main())
