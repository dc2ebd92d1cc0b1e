"""The zips that are sent: one without any nominative or internal file and one with the nominative, per zone; one for the mission."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from kobo_sync.analysis.facts import Facts
from kobo_sync.config.config import Config
from kobo_sync.config.file_names import NOMINATIVE
from kobo_sync.deliverables import changes, deliverable, final_report
from kobo_sync.documents.word.living import flattened
from kobo_sync.documents.word.watermark import without_mark
from kobo_sync.errors import DocumentError
from kobo_sync.lazy import cached_property
from kobo_sync.mission.facts import Marks, facts_of_zone, gather_facts, gather_marks
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.own_modules import let_import_own_modules
from kobo_sync.model import Finding, Manifest, ManifestFile, Report
from kobo_sync.steps import libreoffice
from kobo_sync.steps.sets import MISSION_FOLDER, NOT_BUILT
from kobo_sync.workspace.encryption import SUFFIX, encrypted
from kobo_sync.workspace.manifests import MANIFEST, PreviousSet, manifest_bytes, manifest_of
from kobo_sync.workspace.writing import remove, write_atomic

EPOCH = (1980, 1, 1, 0, 0, 0)  # same files, same bytes
UNFINISHED = ("REPORT002", "REPORT003", "REPORT004")  # an empty slot, a zone without data, an annex that is missing
MOST_SHOWN = 5


def deliver(mission: Mission, *, final: bool = False, despite: Collection[str] = ()) -> Report:
    """Zip what `build` made, but for what is internal; a file that was edited since is taken as it is, and said.

    *final* drops the draft mark, and prints the final report where LibreOffice is installed; a report that lacks what it
    must hold (`UNFINISHED`) is refused unless *despite* names the rule.

    Raises: DocumentError when a zone was never built, or (for *final*) when its data or its language changed since or the report is not done.
    """
    let_import_own_modules(mission)
    started_at = mission.clock()
    findings: list[Finding] = []
    lines: list[str] = []
    n_zips = 0
    now = _Now(mission)
    folders = [zone.code for zone in mission.config.zones]
    has_mission = bool(mission.config.mission_papers)
    if final and has_mission:
        _refuse_unfinished(mission.workspace.previous_set(MISSION_FOLDER).manifest, despite)
    sets = {
        folder: mission.workspace.previous_set(folder)
        for folder in [*folders, *([MISSION_FOLDER] if has_mission else [])]
    }
    for folder, built in sets.items() if final else ():  # before the first zip: half a final delivery is none
        _refuse_other_language(mission.config, folder, built)
        _refuse_moved(now, folder, built)
    for done, (folder, built) in enumerate(sets.items()):
        mission.progress("deliver", done, len(sets))
        if built.manifest is None or not built.complete:
            raise DocumentError(
                f"{mission.workspace.out / folder} holds no complete set of deliverables",
                hint="run `kobo-sync build` first",
            )
        if lacking := [finding for finding in built.manifest.findings if finding.rule == NOT_BUILT]:
            findings += [_incomplete(folder, finding) for finding in lacking]
            lines.append(f"{folder}: not zipped")
            continue
        files = {name: built.files[name]() for name in built.listed}
        findings += [_edited(folder, name) for name in files if built.is_edited(name) and name not in final_report.PATH]
        if final:
            findings += _finished(now, folder, built, files)
        for suffix, nominative in (("", False), (NOMINATIVE.of(mission.config), True)):
            chosen = {
                name: content
                for name, content in files.items()
                if (classification := _entry(built.manifest, name).classification) != "internal"  # the team's own
                and (classification == "nominative") == nominative
            }
            if folder == MISSION_FOLDER and nominative and not chosen:
                continue
            target = mission.workspace.out / f"{folder}{suffix}.zip"
            if not nominative:
                findings += _apart_by_few(target, folder, built.manifest)
            target = _write_zip(mission, target, zip_bytes(built.manifest, chosen), nominative=nominative)
            lines.append(f"{target.name}: {len(chosen)} files")
            n_zips += 1
        for ending in set(NOMINATIVE) - {NOMINATIVE.of(mission.config)}:  # as it was called in another language
            for sealed in ("", SUFFIX):
                remove(mission.workspace.out / f"{folder}{ending}.zip{sealed}")
    return mission.report("deliver", started_at, {"zips": n_zips}, findings, lines)


def _write_zip(mission: Mission, target: Path, content: bytes, *, nominative: bool) -> Path:
    """Write a zip, a nominative one for the recipients of ``[encryption]`` alone where there are any; returns where it lies."""
    encryption = mission.config.encryption
    sealed = target.with_name(f"{target.name}{SUFFIX}")
    if nominative and encryption.seals_nominative:
        write_atomic(sealed, encrypted(content, encryption.recipients), private=True)
        remove(target)  # one of before that anybody can open
        return sealed
    write_atomic(target, content, private=nominative)
    if nominative:
        remove(sealed)
    return target


def _refuse_unfinished(manifest: Manifest | None, despite: Collection[str]) -> None:
    """Raises: DocumentError when the final report lacks something that *despite* does not name."""
    open_points = [each for each in manifest.findings if each.rule in UNFINISHED] if manifest else []
    refused = [each for each in open_points if each.rule not in despite]
    if refused:
        rules = sorted({each.rule for each in refused})
        points = "; ".join(f"{each.rule} {each.message}" for each in refused[:MOST_SHOWN])
        more = f"; and {len(refused) - MOST_SHOWN} more" if len(refused) > MOST_SHOWN else ""
        raise DocumentError(
            f"the final report is not finished: {points}{more}",
            hint="complete it in Word and run `kobo-sync build` again; or deliver it so: "
            + " ".join(f"--despite {rule}" for rule in rules),
        )


def _refuse_moved(now: _Now, folder: str, built: PreviousSet) -> None:
    """Raises: DocumentError when what the set was built from is not what the mirror holds."""
    if built.manifest and now.of(folder).fingerprint != built.manifest.fingerprint:
        raise DocumentError(
            f"the data of {folder} moved since its documents were built",
            hint="run `kobo-sync build`, look at them, deliver again",
        )


def _refuse_other_language(config: Config, folder: str, built: PreviousSet) -> None:
    """Raises: DocumentError when the set was built in another language, or bears its names: its PDFs, set anew, would be of two."""
    now = config.mission.document_language.as_said
    if built.manifest and built.manifest.language not in ("", now):
        raise _other_language(folder)
    for path, entry in built.listed.items():
        names = deliverable(entry.maker).file_names if entry.maker not in ("", changes.NAME) else ()
        last = path.rpartition("/")[2]
        if any(last in name and last != name.of(config) for name in names):
            raise _other_language(folder)


def _other_language(folder: str) -> DocumentError:
    return DocumentError(
        f"the documents of {folder} were built in another language than the mission's",
        hint="run `kobo-sync build`, look at them, deliver again",
    )


def zip_bytes(manifest: Manifest, files: Mapping[str, bytes]) -> bytes:
    """A zip of *files* with a MANIFEST.json of just these, as reproducible bytes."""
    listed = {
        name: replace(_entry(manifest, name), sha256=_sha256(content), n_bytes=len(content))
        for name, content in files.items()
    }
    text = manifest_bytes(replace(manifest, files=listed), for_others=True)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in [(MANIFEST, text), *sorted(files.items())]:
            info = zipfile.ZipInfo(name, EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return out.getvalue()


def _entry(manifest: Manifest, name: str) -> ManifestFile:
    """What the manifest says of a file; the report's PDF may be made here."""
    return manifest.files.get(name) or ManifestFile("", 0, final_report.CLASS, final_report.NAME)


# ── without the draft mark ──────────────────────────────────────────────────


class _Now:
    """The mission's facts as they are now, gathered once, when the first PDF is set anew."""

    def __init__(self, mission: Mission) -> None:
        self._mission = mission

    @cached_property
    def _whole(self) -> tuple[Facts, Marks]:
        marks = gather_marks(self._mission)
        return gather_facts(self._mission, marks=marks), marks

    def of(self, folder: str) -> Facts:
        """The facts of the zone called *folder*, or of the mission."""
        zone = self._mission.config.zone(folder)
        whole, marks = self._whole
        return facts_of_zone(self._mission, whole, zone, marks) if zone else whole


def _finished(now: _Now, folder: str, built: PreviousSet, files: dict[str, bytes]) -> list[Finding]:
    """Take the draft mark out of *files*: from Word files as they are, edited or not; PDFs are set anew."""
    findings = []
    for name in [name for name in files if name.endswith(".docx")]:
        files[name] = without_mark(files[name])
    pdfs = [name for name in files if name.endswith(".pdf") and not name.startswith("annexes/")]
    edited = [name for name in pdfs if built.is_edited(name)]
    findings += [_still_draft(folder, name) for name in edited]
    report_path = next((name for name in final_report.PATH if name in files), "")
    report_pdf = f"{report_path.removesuffix('.docx')}.pdf"
    if folder == MISSION_FOLDER and report_path and report_pdf not in edited:
        if libreoffice.installed():
            files |= libreoffice.pdfs({report_pdf: flattened(files[report_path])})
        else:
            files.pop(report_pdf, None)  # one that says draft
            findings.append(_no_pdf(report_pdf))
    fresh = [name for name in pdfs if name not in edited and name != report_pdf]
    makers = dict.fromkeys(built.listed[name].maker for name in fresh)
    files.update({name: content for name, content in _remade(now, folder, makers).items() if name in fresh})
    return findings


def _remade(now: _Now, folder: str, makers: Iterable[str]) -> dict[str, bytes]:
    """What the deliverables *makers* make when they are final."""
    names = [name for name in makers if name not in ("", changes.NAME)]
    if not names:
        return {}
    final = replace(now.of(folder), final=True)
    return {document.path: document.content for name in names for document in deliverable(name).build(final)}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _edited(folder: str, name: str) -> Finding:
    return Finding(
        "DELIVER001",
        "info",
        f"{folder}/{name}",
        "the file was edited since it was built; it is delivered as edited",
        "`kobo-sync build` would replace it once the zone's data change",
        zone="" if folder == MISSION_FOLDER else folder,
    )


def _incomplete(folder: str, cause: Finding) -> Finding:
    return Finding(
        "DELIVER004",
        "error",
        f"{folder}/{cause.where.rpartition('/')[2]}",
        f"the set is not delivered, and its zip of before stays: a document of it could not be made ({cause.message})",
        "mend it as `kobo-sync build` says, build, deliver again",
        zone="" if folder == MISSION_FOLDER else folder,
    )


def _apart_by_few(target: Path, folder: str, now: Manifest) -> list[Finding]:
    """Whether the set delivered last and this one differ by one or two persons: who holds both can take one from the other."""
    try:
        with zipfile.ZipFile(target) as archive:
            before = manifest_of(archive.read(MANIFEST))
    except (OSError, KeyError, zipfile.BadZipFile):
        return []
    names = changes.few_apart(before.figures, now.figures) if before else []
    if not names:
        return []
    return [
        Finding(
            "DELIVER006",
            "warning",
            f"{folder}/{target.name}",
            f"the set delivered last and this one differ by one or two persons ({', '.join(names)}): "
            "who holds both can tell what these answered",
            "do not send it to those who have the last one, or wait until three more persons are in",
            zone="" if folder == MISSION_FOLDER else folder,
        )
    ]


def _no_pdf(path: str) -> Finding:
    return Finding(
        "DELIVER003",
        "warning",
        f"{MISSION_FOLDER}/{path}",
        "the final report goes without its PDF: LibreOffice is not installed",
        "install LibreOffice (Debian: apt install libreoffice-writer-nogui), or save the report as PDF in Word",
    )


def _still_draft(folder: str, name: str) -> Finding:
    return Finding(
        "DELIVER002",
        "warning",
        f"{folder}/{name}",
        "the PDF was edited by hand: its draft mark cannot be taken out",
        "remove it, run `kobo-sync build`, then deliver again",
    )
