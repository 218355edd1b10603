"""What one Alertmanager should run: from what it selects and refers to, by amtool's word, to the edition to publish."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from davit.errors import Blocked, Transient
from davit.kube.client import Client
from davit.kube.kinds import SECRET
from davit.model import Key, Manifest
from davit.monitoring.assets import Assets, Ref, either
from davit.monitoring.bindings import ObjectId, Report
from davit.monitoring.faults import Fault
from davit.monitoring.prover import NotReady, Unanswered
from davit.monitoring.sources import Sources, content, source

from davit_alertmanager.api.v1alpha1 import ALERTMANAGER_CONFIG
from davit_alertmanager.config import base_references, config_references, template_faults
from davit_alertmanager.inventory import Inventory, Memory, Origin
from davit_alertmanager.judge import OBJECT, BadBase, Judge, Proved, Question
from davit_alertmanager.model import CONFIG_FILE, NOBODY, TEMPLATES, Instance, Object, Raw


@dataclass(frozen=True, slots=True)
class Draft:
    """proved: None when nothing can be made that is better than what is published.

    base: why the user's base configuration is not in use; nobody: why there is none; unchecked: why nothing could be asked,
    and soon whether that should pass; faults: of the Alertmanager's own spec; reports: what became of AlertmanagerConfigs.
    """

    proved: Proved | None
    base: str = ""
    nobody: str = ""
    unchecked: str = ""
    soon: bool = False
    faults: tuple[Fault, ...] = ()
    reports: Mapping[ObjectId, Report] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drafter:
    """Renders what changed since the last pass, and has it proved."""

    kube: Client
    inventory: Inventory
    sources: Sources
    judge: Judge

    async def draft(self, memory: Memory, instance: Instance, *, there: bool) -> Draft:
        """`there`: whether a configuration is published already."""
        configs = dict(self.inventory.selected(instance))
        memory.chosen = frozenset((ALERTMANAGER_CONFIG, key) for key in configs)
        origin, base, nobody = await self._origin(memory, instance)
        fallback = memory.origin or (None if there else Origin(NOBODY))
        if (chosen := origin or fallback) is None:
            return Draft(None, base, reports=memory.reports)
        question, faults = await self._question(memory, instance, chosen, configs)
        found = await self._best(memory, question, fallback)
        draft = replace(found, base=base or found.base, nobody=nobody, faults=faults)
        return replace(draft, reports=_reports(memory, instance, configs, origin, draft))

    async def _best(self, memory: Memory, question: Question, fallback: Origin | None) -> Draft:
        """The question's own base, or else the fallback."""
        found = await self._tried(memory, question)
        if found.proved is not None or fallback is None or fallback == question.origin:
            return found
        second = await self._tried(memory, replace(question, origin=fallback), keep=False)
        return replace(second, base=found.base)

    async def _tried(self, memory: Memory, question: Question, *, keep: bool = True) -> Draft:
        try:
            proved = await self.judge.prove(memory, question)
        except BadBase as error:
            return Draft(None, str(error))
        except (NotReady, Blocked) as error:
            memory.suspicious = memory.suspicious or isinstance(error, Unanswered)
            try:
                return Draft(self.judge.unproved(memory, question), unchecked=str(error), soon=isinstance(error, NotReady))
            except BadBase as bad:
                return Draft(None, str(bad))
        if keep:
            memory.origin = question.origin
        return Draft(proved)

    async def _question(
        self, memory: Memory, instance: Instance, origin: Origin, configs: Mapping[Key, Manifest]
    ) -> tuple[Question, tuple[Fault, ...]]:
        """Everything that goes into the configuration, and what of the spec can't."""
        refs = self._references(memory, configs)
        wanted = base_references(instance, origin.base).union(*refs.values())
        home = (SECRET, Key(instance.key.namespace, instance.config_secret))
        memory.sources = frozenset({*map(source, wanted), *(() if instance.configuration else (home,))})
        self.sources.keep({one for memory in self.inventory.memories.values() for one in memory.sources})
        stamps: dict[Key, tuple[Any, ...]] = {
            key: (*_told(manifest), instance.uid, instance.generation, instance.image, self.sources.stamp(refs[key]))
            for key, manifest in configs.items()
        }
        found = await self.sources.fetch(wanted)
        assets = Assets(found)
        bad, digest = await self._mounted(memory, instance, found)
        left = tuple(one for one in instance.scope.templates if one not in bad)
        chosen = replace(instance, scope=replace(instance.scope, templates=left))
        question = Question(chosen, origin, configs, stamps, assets, found, digest)
        return question, (*template_faults(instance, assets), *bad.values())

    @staticmethod
    def _references(memory: Memory, configs: Mapping[Key, Manifest]) -> dict[Key, frozenset[Ref]]:
        known, memory.refs = memory.refs, {}
        for key, manifest in configs.items():
            told = _told(manifest)
            memory.refs[key] = known[key] if key in known and known[key][0] == told else (told, config_references(manifest))
        return {key: refs for key, (_, refs) in memory.refs.items()}

    async def _origin(self, memory: Memory, instance: Instance) -> tuple[Origin | None, str, str]:
        """The base configuration; why there is none to be had, and why alerts notify nobody."""
        namespace = instance.key.namespace
        if instance.configuration:
            key = Key(namespace, instance.configuration)
            manifest = self.inventory.cache.get(ALERTMANAGER_CONFIG, key)
            if manifest is None:
                return None, f"{OBJECT}: AlertmanagerConfig {key} is missing: create it, or correct the name", ""
            return Origin(Object(manifest)), "", ""
        key = Key(namespace, instance.config_secret)
        files = await self._secret(memory, key)
        if files is None:
            return Origin(NOBODY), "", f"Secret {key} is missing: create it with the key {CONFIG_FILE}"
        beside = {name: value for name, value in files.items() if name != CONFIG_FILE}
        if not files.get(CONFIG_FILE):
            return Origin(NOBODY, beside), "", f"Secret {key} has nothing in the key {CONFIG_FILE}: put the configuration there"
        return Origin(Raw(files[CONFIG_FILE].decode(errors="replace")), beside), "", ""

    async def _secret(self, memory: Memory, key: Key) -> dict[str, bytes] | None:
        """The files of a Secret, read again when it has changed."""
        known = self.inventory.cache.get(SECRET, key)
        if known is None or memory.secret[0] != known["metadata"]["resourceVersion"]:
            found = await self.kube.get(SECRET, key)
            if found is None:
                return None
            memory.secret = (found["metadata"]["resourceVersion"], content(found))
        return memory.secret[1]

    async def _mounted(self, memory: Memory, instance: Instance, found: Mapping[Ref, bytes]) -> tuple[dict[str, Fault], str]:
        """Templates that pods mount from where users keep them: files that can't be parsed, and a digest of all."""
        given = instance.model.alertmanager_configuration
        digest, bad = hashlib.sha256(memory.salt.encode()), dict[str, Fault]()
        for index, one in enumerate((given.templates if given else None) or ()):
            ref = either(one, instance.key.namespace)
            if ref not in found:
                continue
            digest.update(f"{ref}\0{len(found[ref])}\0".encode() + found[ref])
            try:
                said = await self.judge.template(memory, instance.image, found[ref])
            except (Transient, Blocked):
                continue
            if said:
                path = f"spec.alertmanagerConfiguration.templates[{index}]"
                bad[f"{TEMPLATES}/{ref.key}"] = Fault(path, f"{ref} can't be parsed: {said}")
        return bad, digest.hexdigest()[:16] if instance.scope.templates else ""


def _told(manifest: Manifest) -> tuple[Any, ...]:
    """What the content of an AlertmanagerConfig is told by."""
    return manifest["metadata"]["uid"], manifest["metadata"].get("generation")


def _reports(
    memory: Memory, instance: Instance, configs: Mapping[Key, Manifest], origin: Origin | None, draft: Draft
) -> dict[ObjectId, Report]:
    """What became of each AlertmanagerConfig, the one that is the base among them."""
    found = {}
    for key, part in memory.parts.items():
        one, generation = part.contribution, configs[key]["metadata"].get("generation") or 0
        found[ALERTMANAGER_CONFIG, key] = Report(generation, one.receivers, one.faults, one.ignored)
    if origin is not None and isinstance(origin.base, Object):
        found[ALERTMANAGER_CONFIG, Key(instance.key.namespace, instance.configuration)] = _base_report(
            origin.base.manifest, draft
        )
    return found


def _base_report(manifest: Manifest, draft: Draft) -> Report:
    metadata = manifest["metadata"]
    generation, prefix = metadata.get("generation") or 0, f"AlertmanagerConfig {metadata['namespace']}/{metadata['name']} "
    if draft.base or draft.proved is None:
        return Report(generation, (), (Fault("spec", draft.base),))
    faults = [Fault(one.path.removeprefix(prefix), one.message) for one in draft.proved.faults if one.path.startswith(prefix)]
    names = tuple(str(one.get("name")) for one in manifest["spec"].get("receivers") or () if isinstance(one, dict))
    return Report(generation, names, tuple(faults))
