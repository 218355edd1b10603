"""One edition of everything that a process loads, and the mark by which it is told again. Pure.

`templates` of the configuration ends with a pattern that names the digest and matches no file; the loaded configuration,
which Alertmanager tells with its secrets hidden, shows it again.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import yaml
from davit.model import Manifest
from davit.monitoring.salt import salt_of
from yaml.nodes import MappingNode, SequenceNode

from davit_alertmanager.manifests import CONFIG_DIR
from davit_alertmanager.model import CONFIG_FILE, Foundation

LIMIT = 1_000_000
"""Bytes of configuration and templates: a Secret holds 1 MiB."""
_NOBODY = "0" * 16
_MARK = re.compile(rf"{re.escape(CONFIG_DIR)}/digest-([0-9a-f]{{16}})\.\*")
_NOTHING: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Edition:
    """text: of alertmanager.yaml, with its mark; beside: files in the same place; assets: TLS files; by name.

    salt: under the digest.
    """

    digest: str
    text: str
    beside: Mapping[str, bytes] = field(default_factory=lambda: _NOTHING)
    assets: Mapping[str, bytes] = field(default_factory=lambda: _NOTHING)
    salt: str = ""

    @property
    def size(self) -> int:
        """Bytes in the Secret."""
        return len(self.text.encode()) + sum(len(name) + len(content) for name, content in self.beside.items())


def mark(digest: str = _NOBODY) -> str:
    """The pattern that names an edition."""
    return f"{CONFIG_DIR}/digest-{digest}.*"


def edition(text: str, beside: Mapping[str, bytes] = _NOTHING, assets: Mapping[str, bytes] = _NOTHING, salt: str = "") -> Edition:
    """From a text with the mark of nobody, see `marked` and `marked_text`."""
    digest = hashlib.sha256(f"{salt}\0{text}".encode())
    for place, files in (("beside", beside), ("assets", assets)):
        for name in sorted(files):
            digest.update(f"\0{place} {len(files[name])} {name}\0".encode() + files[name])
    found = digest.hexdigest()[:16]
    return Edition(found, text.replace(mark(), mark(found)), beside, assets, salt)


def published(generated: Manifest | None, assets: Iterable[Manifest]) -> Edition | None:
    """The edition in Secrets that are there; None when they hold none, or not the whole of one."""
    beside = _files(generated)
    text = beside.pop(CONFIG_FILE, b"").decode(errors="replace")
    tls = {name: content for one in assets for name, content in _files(one).items()}
    for digest in dict.fromkeys(reversed(_MARK.findall(text))):
        found = edition(text.replace(mark(digest), mark()), beside, tls, salt_of(generated))
        if found.digest == digest:
            return found
    return None


def _files(secret: Manifest | None) -> dict[str, bytes]:
    return {name: base64.b64decode(content) for name, content in ((secret or {}).get("data") or {}).items()}


def loaded(config: str) -> str:
    """The digest in a configuration as Alertmanager tells it, empty when it is none of ours."""
    _, _, below = f"\n{config}".partition("\ntemplates:\n")
    found = ""
    for line in below.splitlines():
        if not line.startswith("- "):
            break
        if mark := _MARK.fullmatch(line[2:].strip("'\"")):
            found = mark[1]
    return found


def marked(ground: Foundation, mounted: str = "") -> Foundation:
    """The base configuration with the mark of nobody; `mounted` is a digest of what pods mount beside our Secrets."""
    more = [f"{CONFIG_DIR}/templates-{mounted}.*"] if mounted else []
    return replace(ground, config={**ground.config, "templates": [*(ground.config.get("templates") or ()), *more, mark()]})


def marked_text(text: str) -> str | None:
    """A user's own configuration, untouched but for the mark of nobody; None for a text that can only be written anew."""
    try:
        before = _events(text)
        for changed, added in _candidates(text):
            if _only_adds(before, changed, added):
                return changed
    except (yaml.YAMLError, RecursionError):
        return None
    return None


def _candidates(text: str) -> Iterator[tuple[str, int]]:
    """Ways to write the mark into the text, and how many events each adds."""
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    if not isinstance(root, MappingNode):
        return
    item = f'"{mark()}"'
    found = next((value for key, value in root.value if key.value == "templates"), None)
    if found is None:
        yield f"{text.rstrip()}\ntemplates:\n- {item}\n", 4
        if root.flow_style:
            at = root.start_mark.index + text[root.start_mark.index :].index("{") + 1
            yield f'{text[:at]}"templates": [{item}], {text[at:]}', 4
        return
    if isinstance(found, SequenceNode):
        start = found.start_mark
        if found.flow_style:
            at = start.index + text[start.index :].index("[") + 1
            yield f"{text[:at]}{item}, {text[at:]}", 1
            yield f"{text[:at]}{item}{text[at:]}", 1
        else:
            at = start.index + text[start.index :].index("-")
            margin = " " * (at - (text.rfind("\n", 0, at) + 1))
            yield f"{text[:at]}- {item}\n{margin}{text[at:]}", 1


_Event = tuple[str, object, object]


def _events(text: str) -> list[_Event]:
    return [
        (type(event).__name__, getattr(event, "value", None), getattr(event, "anchor", None))
        for event in yaml.parse(text, Loader=yaml.CSafeLoader)
    ]


def _only_adds(before: list[_Event], changed: str, count: int) -> bool:
    """Whether that many events were put in at one place, the mark among them, and nothing else changed."""
    try:
        after = _events(changed)
    except yaml.YAMLError:
        return False
    if len(after) != len(before) + count:
        return False
    at = next((index for index, event in enumerate(before) if event != after[index]), len(before))
    return before[at:] == after[at + count :] and any(event[1] == mark() for event in after[at : at + count])
