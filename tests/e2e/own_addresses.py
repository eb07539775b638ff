"""IPv4 addresses that belong to one run of a test, however many run at once, on an interface that is gone when it ends.

They come from 198.18.0.0/15, which RFC 2544 sets aside for tests between machines, 256 at a time. Which of these blocks
is taken is told by a socket in the abstract namespace: it ends with its process, so a run that was killed keeps none,
and whoever takes the block next removes the interface that was left. Needs root.

Not for: addresses that others reach; there is nothing at the other end of the interface.
"""

import ipaddress
import socket
import subprocess

NETWORK = ipaddress.ip_network("198.18.0.0/15")
BLOCK_BITS = 24


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def _take_block():
    """The first block that nobody has, its number, and the socket that holds it."""
    for number, block in enumerate(NETWORK.subnets(new_prefix=BLOCK_BITS)):
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(f"\0openshell-injector-test-addresses-{number}")
            return block, number, holder
        except OSError:
            holder.close()
    raise AssertionError(f"all of {NETWORK} is taken")


class OwnAddresses:
    """`items` are the addresses, as text, in use from the start."""

    def __init__(self, count):
        block, number, self.holder = _take_block()
        self.interface = f"oi-test{number}"
        hosts = block.hosts()
        self.items = [str(next(hosts)) for _ in range(count)]
        subprocess.run(["ip", "link", "delete", self.interface], capture_output=True, check=False)
        # A bridge with nothing attached: not every kernel has dummy interfaces.
        ip("link", "add", self.interface, "type", "bridge")
        try:
            ip("link", "set", self.interface, "up")
            for address in self.items:
                ip("address", "add", f"{address}/32", "dev", self.interface)
        except subprocess.CalledProcessError:
            self.release()
            raise

    def release(self):
        """Once nobody uses them any more."""
        ip("link", "delete", self.interface)
        self.holder.close()
