"""A source of noise on a line, in a process of its own: FD BYTES.

10 MB/s are put on the line; what it does not take is lost, as on a wire. Ends after so many bytes.
"""

import os
import sys
import time
from contextlib import suppress

CHUNK = 4096
PER_S = 10_000_000


def main(line: int, size: int) -> None:
    began = time.monotonic()
    chunk = os.urandom(CHUNK)
    for sent in range(0, size, CHUNK):
        with suppress(BlockingIOError):
            os.write(line, chunk)
        time.sleep(max(0.0, began + sent / PER_S - time.monotonic()))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
