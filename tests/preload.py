"""What the processes of tests import: the server that forks them (`tests.forks`) imports it once for all.

Whoever starts the campaign is imported anew in each process (`multiprocessing` does so), and so its imports are here.
"""

import gc
import importlib
from typing import Final

from headwater.xdm.standard import standard_resources

_MODULES: Final = (
    "alembic.command",
    "anyio._backends._asyncio",
    "connectors.local",
    "connectors.sftp.connector",
    "connectors.slots",
    "headwater.lake",
    "headwater.notify.webhook",
    "headwater.profile_store",
    "httpcore",
    "numpy.ma",
    "psycopg",
    "pyiceberg.avro.decoder_fast",
    "pyiceberg.catalog.sql",
    "pytest",
    "sniffio",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "tests.crash.campaign",
    "tests.crash.process",
    "tests.servers.postgres",
)

for name in _MODULES:
    importlib.import_module(name)
standard_resources()  # reads them
gc.freeze()  # a forked process does not look through all this again
