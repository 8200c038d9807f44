"""Runs a program, and ends it when whoever started it is gone: python -m helpers.scale.watched …

A notebook's kernel may be killed at any time, and would leave its servers behind, with ports and
databases that nobody else can have. So this stands between them. Its standard input is a pipe from
the kernel: a line there says how to end the program, and if the pipe breaks, the kernel is gone.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

PATIENCE = 25  # seconds for a program that was asked to end


def main() -> None:
    """Run the program that the arguments name; exit as it does."""
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    threading.Thread(target=_watch, args=(program,), daemon=True).start()
    sys.exit(program.wait())


def _watch(program):
    """End the program when asked to, or when nobody is left to ask."""
    if sys.stdin.readline() != "kill\n":
        program.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            program.wait(PATIENCE)
    program.kill()  # which does nothing to one that has ended


if __name__ == "__main__":
    main()
