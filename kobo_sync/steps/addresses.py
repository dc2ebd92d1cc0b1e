"""Where phones of the same network reach this machine."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
import sys

_SIOCGIFADDR = 0x8915
_PROBES = ("10.255.255.254", "172.31.255.254", "192.168.255.254", "192.0.2.1")  # nothing is sent to them


def lan_addresses() -> list[str]:
    """This machine's IPv4 addresses that are not its own loop, private ones first; empty without a network."""
    addresses = {*_of_interfaces(), *_of_routes(), *_of_name()}
    usable = [ip for ip in map(ipaddress.ip_address, addresses) if not (ip.is_loopback or ip.is_unspecified)]
    return [str(ip) for ip in sorted(usable, key=lambda ip: (not ip.is_private, ip.is_link_local, int(ip)))]


def host_names() -> list[str]:
    """The names by which phones may know this machine: its own with ``.local``, as mDNS has it."""
    name = socket.gethostname().partition(".")[0]
    return ["localhost", f"{name}.local"] if name and name.isascii() else ["localhost"]


def _of_interfaces() -> list[str]:
    """Each interface's address, also of a Wi-Fi that this machine opens itself, which has no route outwards."""
    if sys.platform != "linux":
        return []
    import fcntl

    addresses = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with contextlib.suppress(OSError):  # an interface without an IPv4 address
                packed = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                addresses.append(socket.inet_ntoa(packed[20:24]))
    return addresses


def _of_routes() -> list[str]:
    addresses = []
    for target in _PROBES:
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            addresses.append(str(probe.getsockname()[0]))
    return addresses


def _of_name() -> list[str]:
    with contextlib.suppress(OSError):
        return [str(each[4][0]) for each in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    return []
