"""The command: ``kobo-sync``, or ``python -m kobo_sync``."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; what costs a short run a fifth of its time, and gives it nothing, is left out.

    Garbage is looked for rarely: imports leave none, and reads few. Matrices are small: a second BLAS
    thread busy-waits for work, and adds in another order. At the end nothing is taken apart object by
    object: whatever must be closed has been, by whoever opened it.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    gc.disable()
    try:
        from kobo_sync.cli.verbs import main as command

        gc.set_threshold(50_000, 20, 100)
        gc.enable()
        command()
        code: object = 0
    except SystemExit as end:
        code = end.code
    except KeyboardInterrupt:  # before the first line of the command, or twice
        code = 130
    if logging := sys.modules.get("logging"):
        logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    if isinstance(code, int):
        os._exit(code)
    sys.exit(code)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
