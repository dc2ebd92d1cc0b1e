"""One process at a time: a lock on an open file, given back by the system when its process ends."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import errno
    import msvcrt

    def lock(descriptor: int) -> None:
        """Lock the file for this process. Raises: OSError when another has it."""
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def wait_for_lock(descriptor: int) -> None:
        """Lock the file for this process, once no other has it. Raises: OSError."""
        while True:
            try:  # of its own it waits for ten seconds
                return msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError as error:
                if error.errno != errno.EDEADLOCK:
                    raise
else:
    import fcntl

    def lock(descriptor: int) -> None:
        """Lock the file for this process. Raises: OSError when another has it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def wait_for_lock(descriptor: int) -> None:
        """Lock the file for this process, once no other has it. Raises: OSError."""
        fcntl.flock(descriptor, fcntl.LOCK_EX)
