"""The crash certificate: dataflows that are killed at seeded points, and a model that knows what must be there.

Start at `scenario.py`. `make crash N=100` plays a hundred seeds, `make crash SEED=7` plays one alone.
"""
