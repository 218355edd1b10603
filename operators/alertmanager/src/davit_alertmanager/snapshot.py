"""What `observe` finds: the world as far as one Alertmanager is concerned. Frozen, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from davit.model import Key, Manifest
from davit.monitoring.faults import Fault
from davit.monitoring.processes import Pod

from davit_alertmanager.edition import Edition
from davit_alertmanager.model import Instance


@dataclass(frozen=True, slots=True)
class Seen:
    """What a process says of itself: the edition it has loaded (empty for none of ours), and its view of the cluster."""

    digest: str
    cluster: str = ""
    """ready, settling, or disabled for a process that does not gossip."""
    peers: int = 0


@dataclass(frozen=True, slots=True)
class Live:
    """What a container was seen to have loaded, and when (monotonic seconds)."""

    container: str
    seen: Seen
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Children and pods as they are, and the configuration as it should be.

    edition: what is to be published, None to leave what is there untouched; base: why the user's base configuration is not
    in use, nobody: why there is none and alerts notify nobody, both empty when all is well; faults, ignored: of the
    Alertmanager's own configuration; quarantined: by AlertmanagerConfig; selected: how many of these; held: why what is
    published stays as it is; unchecked: why what is published could not be proved before; refused: why processes did not
    take what was published, in whose place `edition` is the last good one; live: by the pod's uid, a view that follows the
    actions of the same pass; foreign: the Secret with the configuration is still another operator's.
    """

    children: Sequence[Manifest] = ()
    pods: tuple[Pod, ...] = ()
    volumes: Sequence[Manifest] = ()
    edition: Edition | None = None
    base: str = ""
    nobody: str = ""
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    quarantined: Mapping[Key, tuple[Fault, ...]] = field(default_factory=dict)
    selected: int = 0
    held: str = ""
    unchecked: str = ""
    refused: str = ""
    live: Mapping[str, Live] = field(default_factory=dict)
    foreign: bool = False
    strangers: frozenset[str] = frozenset()
    """The kinds of which a user has an object of their own for the pods, so that ours would clash with it."""
    sharers: tuple[Instance, ...] = ()
    """All Alertmanagers of the namespace, which share the governing Service."""

    def runs(self, pod: Pod) -> bool:
        """Whether the process is proved to run what is to be published."""
        known = self.live.get(pod.uid)
        return self.edition is not None and known is not None and (
            (known.container, known.seen.digest) == (pod.container, self.edition.digest)
        )  # fmt: skip

    @property
    def behind(self) -> list[Pod]:
        """Running processes that can be spoken to and are not proved to run what is to be published."""
        return [pod for pod in self.pods if pod.container and pod.url and self.edition is not None and not self.runs(pod)]

    @property
    def silent(self) -> list[Pod]:
        """Running processes that can't be spoken to."""
        return [pod for pod in self.pods if pod.container and not pod.url]

    @property
    def settling(self) -> bool:
        """Whether a process still waits for the cluster to come together before it notifies."""
        return any(one.seen.cluster == "settling" for one in self.live.values())
