"""AEP's resources and the records of what ran, as frozen documents and values.

Start with `documents` (what people author), then `runs` (what happened) and `records` (what is wrong with a record).
"""
