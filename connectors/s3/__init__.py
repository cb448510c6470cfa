"""Connector kind `s3`: objects of Amazon S3, and of stores that speak its protocol.

`config` is what people fill in, `client` builds boto3's client, `store` asks it, `answers` reads what comes back,
`refusals` explains what failed. The connector itself is that of all object stores, in `connectors.objects`. Importing
this package does not import boto3.
"""

from connectors.s3.config import S3Config

__all__ = ["S3Config"]
