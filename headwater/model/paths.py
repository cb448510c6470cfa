"""Source paths as text that databases and JSON can hold.

Connectors give a path with the bytes that are not UTF-8 kept as lone surrogates (PEP 383), which neither a database nor
JSON takes. Here those 128 code points move to the end of the last private-use plane, and back. AEP forbids private-use
code points in names (sources.md, section 3), so nothing else maps there.
"""

_SURROGATES = range(0xDC80, 0xDD00)
_OFFSET = 0x10FF80 - 0xDC80
_TO_STORED = {code: code + _OFFSET for code in _SURROGATES}
_FROM_STORED = {code + _OFFSET: code for code in _SURROGATES}


def stored_path(path: str) -> str:
    """The path as it is kept in the ledger, in diagnostics and in messages."""
    return path if path.isascii() else path.translate(_TO_STORED)


def source_path(stored: str) -> str:
    """The path as the source's connector knows it: the inverse of `stored_path`."""
    return stored.translate(_FROM_STORED)
