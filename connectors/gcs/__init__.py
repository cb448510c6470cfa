"""Connector kind `gcs`: objects of Google Cloud Storage.

`config` is what people fill in, `client` logs in, `store` asks, `refusals` explains what failed. The connector itself
is that of all object stores, in `connectors.objects`. Importing this package does not import Google's libraries.
"""

from connectors.gcs.config import GcsConfig

__all__ = ["GcsConfig"]
