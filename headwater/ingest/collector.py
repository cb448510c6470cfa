"""Python's collector of cyclic garbage, paused while a block is read."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """Within it, no cyclic garbage is looked for.

    Decoded records are thousands of lists, dicts and tuples that all live until their part of the block is done, and
    hold no cycles: each search for some walks over all of them in vain, which costs a tenth of the whole. The switch is
    the process's own, so another thread's garbage waits for so long; who finds it off leaves it off.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
