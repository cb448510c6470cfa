"""The connector for object stores, and what it is made of.

`connector` puts the parts together: `store` (what it needs of a store), `keys` (keys as paths), `window` (reading
ahead in ranges), `checksums`, `trust` (certificates). Each kind of store is a package of its own, as `connectors.s3`.
"""
