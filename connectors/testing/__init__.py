"""The contract suite: what every connector promises, as tests against a real source.

It is shipped, so that connectors of other packages can run it too. A test module enrols a connector in a few lines::

    class TestMyConnector(TrustedServerContract, FileSystemContract):
        @pytest.fixture
        def source(self, my_server) -> MySource:
            return MySource(my_server)

leaving out what its source is not: a server, a file system. `ServerContract` is for servers that show neither key nor
certificate. `MySource` is a `SourceUnderTest`: the other side, which puts files where the connector finds them. For
assertions that explain themselves, call `pytest.register_assert_rewrite("connectors.testing")` in `conftest.py`.
"""

from connectors.testing.contract import ConnectorContract, FileSystemContract, ServerContract, TrustedServerContract
from connectors.testing.sources import BYTES_NAME, ODD_NAMES, FolderSource, SourceUnderTest

__all__ = [
    "BYTES_NAME",
    "ODD_NAMES",
    "ConnectorContract",
    "FileSystemContract",
    "FolderSource",
    "ServerContract",
    "SourceUnderTest",
    "TrustedServerContract",
]
