"""Prove with amtool of the target version what a process will be given, and find what spoils it.

Asked is about the whole, once for each edition. Only a whole that does not load is taken apart: first the base alone, then
the AlertmanagerConfigs, then the parts of those that spoil it.
"""

from __future__ import annotations

import fnmatch
import hashlib
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from davit.errors import Invalid
from davit.model import Key, Manifest
from davit.monitoring import emit
from davit.monitoring.assets import Assets, Ref
from davit.monitoring.faults import Fault
from davit.monitoring.proof import culprits, discreet

from davit_alertmanager.config import assemble, contribute, foundation, render
from davit_alertmanager.config.raw import read
from davit_alertmanager.edition import Edition, edition, mark, marked, marked_text
from davit_alertmanager.inventory import Memory, Origin, Part
from davit_alertmanager.manifests import CONFIG_DIR
from davit_alertmanager.model import CONFIG_FILE, Contribution, Facts, Foundation, Instance, Object, Raw, Rendered

STDIN = "/dev/stdin"
CHECK = ("amtool", "check-config", STDIN)
IDLE = CHECK
"""Waits for its standard input, for ever in a pod that nobody attaches to."""
TEMPLATE = ("amtool", "template", "render", f"--template.glob={STDIN}", "--template.text=ok")
REMEMBERED = 500
"""Answers that are kept."""
SECRET, OBJECT = "spec.configSecret", "spec.alertmanagerConfiguration.name"
"""The fields that name the base configuration."""
_PROBE, _NOBODY = "davit.dev-probe", "null"
_LONG_ENOUGH = 4
"""Characters from which on a secret value is looked for in an answer."""


class Checker(Protocol):
    """See `davit.monitoring.prover.Prover.judge`."""

    async def judge(self, image: str, argv: Sequence[str], document: bytes) -> str | None:
        """None, or what the checker says against the document."""


class BadBase(Exception):
    """The base configuration does not load, or can't be read; the message names the field."""


@dataclass(frozen=True, slots=True)
class Question:
    """Everything that goes into one configuration.

    stamps: by AlertmanagerConfig what its rendering depends on; found: what `assets` holds, none of which an answer may
    show; mounted: digest of the templates that pods mount themselves.
    """

    instance: Instance
    origin: Origin
    configs: Mapping[Key, Manifest]
    stamps: Mapping[Key, tuple[Any, ...]]
    assets: Assets
    found: Mapping[Ref, bytes] = field(default_factory=dict)
    mounted: str = ""


@dataclass(frozen=True, slots=True)
class Proved:
    """What may be published, and what was said of the base's own parts."""

    edition: Edition
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judge:
    """Remembers in `Memory` what was judged; raises what `Checker` raises while nothing can be asked."""

    checker: Checker

    async def prove(self, memory: Memory, question: Question) -> Proved:
        """The configuration without what does not load, `Memory.parts` says what that is; raises `BadBase`."""
        await self._templates(memory, question)
        ground, draft = _drafted(memory, question)
        said = await self._says(memory, question, draft)
        if said is not None:
            if ground is None:
                raise BadBase(f"{SECRET}: {CONFIG_FILE}: {said}")
            await self._search(memory, question, await self._mended(memory, question, ground))
            _, draft = _drafted(memory, question)
        memory.parts = {key: replace(part, proved=True) for key, part in memory.parts.items()}
        return draft

    @staticmethod
    def unproved(memory: Memory, question: Question) -> Proved:
        """The configuration without what is known not to load; raises `BadBase`."""
        return _drafted(memory, question)[1]

    async def template(self, memory: Memory, image: str, content: bytes) -> str | None:
        """None, or what is wrong with a template."""
        return await self._ask(memory, image, TEMPLATE, content)

    # The base

    async def _templates(self, memory: Memory, question: Question) -> None:
        """A template that can't be parsed keeps Alertmanager from loading, and at a start from running."""
        for name, content in _templates(question):
            if said := await self.template(memory, question.instance.image, content):
                raise BadBase(f"{SECRET}: template {name}: {said}")

    async def _mended(self, memory: Memory, question: Question, ground: Foundation) -> Foundation:
        """The base without its parts that don't load; raises `BadBase` when that is not enough."""
        said = await self._alone(memory, question, ground)
        if said is None:
            return ground
        if not isinstance(question.origin.base, Object):
            raise BadBase(f"{SECRET}: {CONFIG_FILE}: {said}")
        manifest = question.origin.base.manifest
        without = await self._parts(memory, question, ground, manifest, of_base=True)
        memory.base_without = (_edition_of(manifest), without)
        mended, _ = _drafted(memory, question)
        if mended is None or (said := await self._alone(memory, question, mended)) is not None:
            raise BadBase(f"{OBJECT}: {said}")
        return mended

    async def _alone(self, memory: Memory, question: Question, ground: Foundation, *more: Contribution) -> str | None:
        return await self._says(memory, question, _proved(memory, question, assemble(marked(ground, question.mounted), more)))

    # The AlertmanagerConfigs

    async def _search(self, memory: Memory, question: Question, ground: Foundation) -> None:
        """Set `Memory.parts` to what loads together; those that were proved before are suspected last."""
        suspects = sorted(memory.parts, key=lambda key: (not memory.parts[key].proved, str(key)))

        async def ask(keys: Sequence[Key]) -> str | None:
            return await self._alone(memory, question, ground, *(memory.parts[key].contribution for key in sorted(keys, key=str)))

        bad = {suspects[index]: said for index, said in (await culprits(suspects, ask)).items()}
        fine = [key for key in memory.parts if key not in bad]
        for key, said in bad.items():
            without = await self._parts(memory, question, ground, question.configs[key])
            part = memory.parts[key]
            kept = contribute(question.instance.scope, ground.facts, question.configs[key], question.assets, without)
            memory.parts[key] = replace(part, contribution=kept, without=without)
            if not without or await ask([*fine, key]) is not None:
                memory.parts[key] = _left_out(part, said)
            fine.append(key)

    async def _parts(
        self, memory: Memory, question: Question, ground: Foundation, manifest: Manifest, *, of_base: bool = False
    ) -> Mapping[str, str]:
        """Which parts of one AlertmanagerConfig don't load, and why, on a base with the same globals that notifies nobody.

        First what needs no route, in a copy whose only route is to a receiver without integrations; then the routes, from
        the root down, with what is left of the rest.
        """
        scope, assets, facts = question.instance.scope, question.assets, replace(ground.facts, receiver=_NOBODY)

        async def ask(one: Manifest, without: Mapping[str, str]) -> str | None:
            config = _alone_with(ground, contribute(scope, facts, one, assets, without))
            return await self._ask(memory, question.instance.image, CHECK, emit.text(config).encode(), question.found)

        probe = _with_probe(manifest)
        rest = [path for path in contribute(scope, facts, probe, assets).parts if not path.startswith("spec.route")]

        async def ask_rest(paths: Sequence[str]) -> str | None:
            return await ask(probe, {path: "" for path in rest if path not in paths})

        bad = {rest[index]: said for index, said in (await culprits(rest, ask_rest)).items()}
        found = contribute(scope, facts, manifest, assets, bad).parts
        routes = sorted((path for path in found if path.startswith("spec.route")), key=lambda path: (path.count("["), path))
        if of_base:
            # Without its root there is nothing that the rest could be added to.
            routes = [path for path in routes if path != "spec.route"]

        anchored = _anchored(manifest) if routes else manifest

        async def ask_routes(paths: Sequence[str]) -> str | None:
            return await ask(anchored, {**bad, **{path: "" for path in routes if path not in paths}})

        return {**bad, **{routes[index]: said for index, said in (await culprits(routes, ask_routes)).items()}}

    # Questions

    async def _says(self, memory: Memory, question: Question, draft: Proved) -> str | None:
        return await self._ask(memory, question.instance.image, CHECK, draft.edition.text.encode(), question.found)

    async def _ask(
        self,
        memory: Memory,
        image: str,
        argv: Sequence[str],
        document: bytes,
        found: Mapping[Ref, bytes] | None = None,
    ) -> str | None:
        """None, or the complaint; the same question is asked once."""
        digest = hashlib.sha256(f"{image}\0{' '.join(argv)}\0".encode() + document).hexdigest()
        if digest not in memory.judged:
            said = await self.checker.judge(image, argv, document)
            memory.judged[digest] = None if said is None else shortened(said, _secrets(found or {}))
        # The last to be used is the last to be forgotten.
        memory.judged[digest] = answer = memory.judged.pop(digest)
        while len(memory.judged) > REMEMBERED:
            del memory.judged[next(iter(memory.judged))]
        return answer


def shortened(said: str, secrets: Sequence[str] = ()) -> str:
    """What matters of amtool's answer: without the file, which is nobody's, and without any secret that it quotes."""
    said = re.sub(r"Checking '/dev/stdin'\s+FAILED:|amtool: error: failed to validate \d+ file\(s\)|amtool: error:", "", said)
    said = " ".join(said.split())
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _LONG_ENOUGH:
            said = said.replace(secret, "<secret>")
    return discreet(said)[:1000] or "amtool refuses it without a word"


def _secrets(found: Mapping[Ref, bytes]) -> list[str]:
    return [content.decode(errors="replace").strip() for ref, content in found.items() if ref.kind == "Secret"]


def _foundation(memory: Memory, question: Question) -> Foundation | None:
    """The base, read; None when the user's own text goes in untouched. Raises `BadBase`."""
    instance, base = question.instance, question.origin.base
    if isinstance(base, Raw) and not instance.scope.merging:
        return None
    without: Mapping[str, str] = {}
    if isinstance(base, Object) and memory.base_without[0] == _edition_of(base.manifest):
        without = memory.base_without[1]
    try:
        ground = foundation(instance.scope, base, question.assets, without)
    except Invalid as error:
        raise BadBase(str(error)) from None
    if memory.facts != ground.facts:
        memory.facts, memory.parts = ground.facts, {}
    return ground


def _edition_of(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    return f"{metadata.get('uid')} {metadata.get('generation')}"


def _render(memory: Memory, question: Question, facts: Facts) -> None:
    """Render what changed since the last time, and nothing else."""
    parts = {}
    for key, manifest in question.configs.items():
        known, stamp = memory.parts.get(key), question.stamps[key]
        if known is None or known.stamp != stamp:
            known = Part(stamp, contribute(question.instance.scope, facts, manifest, question.assets))
        parts[key] = known
    memory.parts = parts


def _drafted(memory: Memory, question: Question) -> tuple[Foundation | None, Proved]:
    """The base, None when it goes in untouched, and the whole; raises `BadBase`."""
    # Also where nothing is rendered, for a bad base or none to merge into.
    memory.parts = {key: part for key, part in memory.parts.items() if key in question.configs}
    ground = _foundation(memory, question)
    if ground is None:
        return None, _untouched(memory, question)
    _render(memory, question, ground.facts)
    parts = [memory.parts[key].contribution for key in question.configs]
    return ground, _proved(memory, question, assemble(marked(ground, question.mounted), parts))


def _proved(memory: Memory, question: Question, rendered: Rendered) -> Proved:
    found = edition(rendered.text, question.origin.beside, rendered.files, memory.salt)
    return Proved(found, rendered.faults, rendered.ignored)


def _untouched(memory: Memory, question: Question) -> Proved:
    """The user's own text; where the mark can't be written into it, what it says is written anew."""
    base, gate = question.origin.base, question.instance.scope.gate()
    given = base.text if isinstance(base, Raw) else ""
    text = marked_text(given)
    if text is None:
        try:
            config = read(given, gate, SECRET)
        except Invalid as error:
            raise BadBase(str(error)) from None
        templates = config.get("templates") or []
        if not isinstance(templates, list):
            raise BadBase(f"{SECRET}: {CONFIG_FILE}: templates must be a list")
        text = emit.text({**config, "templates": [*templates, mark()]})
    said = render(question.instance.scope, Raw(given), (), Assets()).ignored
    return Proved(edition(text, question.origin.beside, salt=memory.salt), ignored=(*gate.ignored, *said))


def _templates(question: Question) -> list[tuple[str, bytes]]:
    """The files beside a user's configuration that its templates read."""
    base, beside = question.origin.base, question.origin.beside
    if not isinstance(base, Raw) or not beside:
        return []
    try:
        given = read(base.text, question.instance.scope.gate(), SECRET).get("templates")
    except Invalid:
        return []
    # Patterns are relative to the configuration's own directory.
    patterns = [posixpath.join(CONFIG_DIR, str(one)) for one in (given if isinstance(given, list) else ())]
    return [
        (name, content)
        for name, content in sorted(beside.items())
        if any(fnmatch.fnmatchcase(posixpath.join(CONFIG_DIR, name), pattern) for pattern in patterns)
    ]


def _left_out(part: Part, said: str) -> Part:
    """All of an AlertmanagerConfig is left out."""
    fault = Fault("spec", f"amtool refuses it: {said}")
    before = part.contribution
    kept = Contribution(before.key, faults=(*before.faults, fault), ignored=before.ignored)
    return replace(part, contribution=kept, without={"spec": said})


def _with_probe(manifest: Manifest, route: Mapping[str, Any] | None = None) -> Manifest:
    """The same with a receiver without integrations, to which its only route goes unless there is another."""
    spec = manifest["spec"]
    receivers = [*(spec.get("receivers") or ()), {"name": _PROBE}]
    return {**manifest, "spec": {**spec, "receivers": receivers, "route": route or {"receiver": _PROBE}}}


def _anchored(manifest: Manifest) -> Manifest:
    """The same with one more route, so that its routes stay even when none of its own receivers is left."""
    route = manifest["spec"]["route"]
    below = route.get("routes") or []
    if not isinstance(below, list):
        return manifest
    return _with_probe(manifest, {**route, "routes": [*below, {"receiver": _PROBE}]})


def _alone_with(ground: Foundation, one: Contribution) -> dict[str, Any]:
    """A whole configuration of one AlertmanagerConfig on a base that notifies nobody."""
    given = ground.config.get("global")
    return {
        **({"global": given} if given else {}),
        "route": {"receiver": _NOBODY, "routes": list(one.sections.routes)},
        "inhibit_rules": list(one.sections.inhibit_rules),
        "receivers": [{"name": _NOBODY}, *one.sections.receivers],
        "mute_time_intervals": list(one.sections.mute_time_intervals),
    }
