"""Looking on beside a test: what is seen at each look is kept, and a looker that died does not pass for one that saw nothing."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from e2e.support.errors import ApiError, Unreachable


class Sampler:
    """A context manager that calls `look` again and again, in a thread of its own; an API server that is away is no look."""

    every = 0.1
    """Seconds between looks."""

    def look(self) -> None:
        """See what there is now, and note it."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._stop = threading.Event()
        self._looks = 0
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(10)
        if kind is None:
            if self._error is not None:
                raise AssertionError(f"{type(self).__name__} died after {self._looks} looks") from self._error
            assert self._looks, f"{type(self).__name__} never saw anything"

    def _run(self) -> None:
        try:
            while not self._stop.wait(self.every):
                try:
                    self.look()
                except (ApiError, Unreachable):
                    continue
                self._looks += 1
        except Exception as error:
            self._error = error
