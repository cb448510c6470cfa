"""What stops the demo."""


class DemoError(Exception):
    """The demo can't go on; the message says what happened and where to look."""


class Stopped(BaseException):
    """Somebody asked the demo to end: Ctrl-C, SIGTERM, or the terminal was closed."""
