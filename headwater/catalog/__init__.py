"""Where resources are stored and looked up, and what ran is remembered: one SQL database.

Start with `catalog.Catalog`: it hands out the stores, each for one concern.
"""
