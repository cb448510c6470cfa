"""An emulator of Google Cloud Storage with one bucket, as a process of its own.

`python -m demo.gcs_server HOME SAMPLES READY` listens on the loopback interface only, on a port that the system picks,
and asks nobody to log in. What it holds stays in the folder HOME. Once the files of the folder SAMPLES are in the
bucket it writes its address to the file READY.
"""

import sys
import threading
from contextlib import closing
from functools import partial
from http.server import HTTPServer
from pathlib import Path
from typing import Final

from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from demo.announce import announce

BUCKET: Final = "luma-outlets"
FOLDER: Final = "outbox"


def put_missing(client: storage.Client, samples: Path) -> None:
    """Make the bucket, and put those sample files there that it does not hold yet."""
    bucket = client.lookup_bucket(BUCKET) or client.create_bucket(BUCKET)
    present = {blob.name for blob in client.list_blobs(bucket)}
    for path in sorted(samples.iterdir()):
        if (name := f"{FOLDER}/{path.name}") not in present:
            bucket.blob(name).upload_from_string(path.read_bytes(), content_type="application/octet-stream")


def main() -> None:
    """Read the command line and serve until the process is ended."""
    home, samples, ready = map(Path, sys.argv[1:])
    server = HTTPServer(("127.0.0.1", 0), partial(RequestHandler, Storage(data_dir=home)))
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    url = f"http://127.0.0.1:{server.server_port}"
    options = {"api_endpoint": url}
    with closing(storage.Client(project="luma", credentials=AnonymousCredentials(), client_options=options)) as client:
        put_missing(client, samples)
    announce(ready, {"endpoint": url, "bucket_name": BUCKET, "anonymous": True})
    serving.join()


if __name__ == "__main__":
    main()
