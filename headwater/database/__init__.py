"""What the rooms that keep things in an SQL database share: engines, migrations, column types.

Start with `engine.open_engine`.
"""
