"""Real servers for tests, each a context manager on a loopback port that the operating system picks.

They start in well under a second, are awaited by condition, and end with the test, or with the test process should
that be killed.
"""

from tests.servers.tools import require

__all__ = ["require"]
