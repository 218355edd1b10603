"""Do one command, and leave a report where the kubelet finds it.

Exit code: 0 done; 65 failed for good; 75 may go better next time. docs/design/20261121.backups.md
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from davit import logs
from davit.backup import encryption
from davit.backup.errors import StoreError
from davit.backup.job import CONFIG
from davit.backup.model import CA_FOLDER, CIPHER_FOLDER, STORE_FOLDER, Cipher, Store
from davit.backup.report import PERMANENT, RETRY, STOPPED, Report
from davit.backup.s3 import S3Store

from davit_etcd.agent import backup, fetch, settle, verify
from davit_etcd.agent.config import Backup, Fetch, Settle, Stored, Verify, parse
from davit_etcd.agent.errors import AgentError, Stopped

log = logging.getLogger("davit_etcd.agent")

TERMINATION_LOG = "/dev/termination-log"


class Agent:
    """The commands, by name. `secrets` is the folder below which the Secrets are mounted, for tests."""

    def __init__(self, text: str | None, secrets: str = "/") -> None:
        self._text = text
        self._secrets = Path(secrets)

    def backup(self) -> Report:
        """See `davit_etcd.agent.backup`."""
        config = parse(self._text, Backup.of)
        return backup.run(config, self._store(config.store), self._key(config.cipher))

    def fetch(self) -> Report:
        """See `davit_etcd.agent.fetch`."""
        config = parse(self._text, Fetch.of)
        stored = config.source if isinstance(config.source, Stored) else None
        key = self._key(stored.cipher) if stored else None
        return fetch.run(config, lambda: self._store(stored.store), key)  # type: ignore[union-attr]

    def settle(self) -> Report:
        """See `davit_etcd.agent.settle`."""
        return settle.run(parse(self._text, Settle.of))

    def verify(self) -> Report:
        """See `davit_etcd.agent.verify`."""
        config = parse(self._text, Verify.of)
        return verify.run(config, self._store(config.source.store))

    def _store(self, store: Store) -> S3Store:
        return S3Store(store, self._mounted(STORE_FOLDER), self._mounted(CA_FOLDER))

    def _key(self, cipher: Cipher | None) -> str | None:
        return encryption.load(cipher, self._mounted(CIPHER_FOLDER)) if cipher else None

    def _mounted(self, folder: str) -> str:
        return str(self._secrets / folder.lstrip("/"))


def reported(work: Callable[[], Report]) -> tuple[Report, int]:
    """What the work says, or what went wrong with it, and the exit code."""
    try:
        return work(), 0
    except (StoreError, AgentError) as error:
        return Report(False, error.reason, error.message), PERMANENT if error.permanent else RETRY
    except Stopped:
        return Report(False, STOPPED, "It was told to stop before it was done."), RETRY
    except MemoryError:
        return Report(False, "OutOfMemory", "There was not enough memory."), RETRY
    except Exception as error:
        log.exception("unexpected")
        return Report(False, "Unexpected", f"{type(error).__name__}: see the log"), RETRY


def _stop(*_: object) -> NoReturn:
    # Once is enough: what is cleared away then must not be disturbed.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python3 -m davit_etcd.agent", description=__doc__)
    parser.add_argument("command", choices=("backup", "fetch", "settle", "verify"))
    parser.add_argument("--report", default=TERMINATION_LOG, help="file for the report")
    parser.add_argument("--secrets", default="/", help="folder in place of the root of the Secrets' mounts")
    asked = parser.parse_args()
    logs.setup()
    signal.signal(signal.SIGTERM, _stop)
    agent = Agent(os.environ.get(CONFIG), asked.secrets)
    report, code = reported(getattr(agent, asked.command))
    Path(asked.report).write_text(report.to_json())
    log.log(logging.INFO if report.ok else logging.ERROR, report.message, extra={"reason": report.reason})
    return code
