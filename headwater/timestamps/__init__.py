"""Any source timestamp to UTC microseconds, with the rule that decided; what is ambiguous is refused with a reason.

Start with `parse.read_timestamp`; `columns` does the same for whole Arrow columns, `options` is what a dataflow may
declare.
"""
