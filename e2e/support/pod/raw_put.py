"""How fast the store takes bytes, by its library's own upload; runs in a pod whose image has minio, such as the operator's.

argv: endpoint, bucket, key, MiB. The folders that Secrets are mounted at: /etc/store and /etc/ca. Prints {"seconds": ...}.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path
from typing import BinaryIO, cast
from urllib.parse import urlsplit

import urllib3
from minio import Minio

MEBIBYTE = 1024 * 1024


class Noise(io.RawIOBase):
    """So many bytes that don't compress, at no cost: one block again and again."""

    def __init__(self, size: int) -> None:
        self.left, self.block = size, os.urandom(MEBIBYTE)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self.left if size < 0 else min(size, self.left)
        self.left -= wanted
        return (self.block * (wanted // MEBIBYTE + 1))[:wanted]


def main() -> None:
    """One object, timed from the first byte to the end of the upload."""
    endpoint, bucket, key, size = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]) * MEBIBYTE
    user, password = (Path("/etc/store", name).read_text() for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    pool = urllib3.PoolManager(cert_reqs="CERT_REQUIRED", ca_certs="/etc/ca/ca.crt", maxsize=10)
    client = Minio(urlsplit(endpoint).netloc, user, password, region="us-east-1", http_client=pool)
    begun = time.monotonic()
    client.put_object(bucket, key, cast(BinaryIO, Noise(size)), size)
    print(json.dumps({"seconds": time.monotonic() - begun}))


if __name__ == "__main__":
    main()
