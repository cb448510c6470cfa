"""Bytes to records: what a file is, by its content, and where each record begins and ends.

Start with `FormatOptions`, `json_text.json_blocks` and `delimited.delimited_blocks`; `detect` says which of them a file
needs. What a record says is not looked at here.
"""

from headwater.formats.options import FormatOptions

__all__ = ["FormatOptions"]
