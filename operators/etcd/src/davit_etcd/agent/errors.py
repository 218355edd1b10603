"""What can go wrong with etcd, a snapshot or a volume; what goes wrong with the store is in `davit.backup.errors`. Pure."""

from __future__ import annotations


class AgentError(Exception):
    """`reason` is CamelCase, the message for people, without secrets; `permanent`: trying again is useless."""

    def __init__(self, reason: str, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.permanent = permanent


class MemberLost(AgentError):
    """A member did not answer, broke off, or sent what can't be right: another may do better."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)


class Stopped(BaseException):
    """SIGTERM: no Exception, so that nobody takes it for a failure to be tried again."""
