"""An on-disk cache of results in the state folder, keyed by a hash of all their inputs."""

from __future__ import annotations

import hashlib
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from shutil import rmtree
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

import kobo_sync
from kobo_sync.errors import StoreError
from kobo_sync.workspace.private import private_file, private_folder

T = TypeVar("T")
_STALE_S = 3600
_PIECES = 13  # read at once, a hundred zones: more take memory, fewer time


@lru_cache(maxsize=1)
def program() -> str:
    """A hash of the program's own source: what another version made is not taken for what this one makes."""
    folder = Path(kobo_sync.__file__).parent
    return hashed(f"{path.relative_to(folder)} {digest(path.read_bytes())}" for path in sorted(folder.rglob("*.py")))


def held_once(values: Iterable[object], names: Collection[str]) -> None:
    """Make equal texts in the fields *names* of *values* (fresh dataclasses, which nobody else has yet) one object.

    What is decoded has each text for itself: of thousands of values that is half of their memory.
    """
    texts: dict[object, object] = {}
    for value in values:
        for name in names:
            text = getattr(value, name)
            object.__setattr__(value, name, texts.setdefault(text, text))


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def hashed(parts: Iterable[str]) -> str:
    """SHA-256 of texts, in hex."""
    return digest("\n".join(parts).encode("utf-8", "surrogatepass"))


@dataclass(frozen=True)
class ResultCache:
    """A folder of values, one file per name: the newest alone, so that it never grows with the runs.

    A file that is missing, damaged or of another *key* is a miss: the value is computed again. Only the owner may
    read the folder: values contain answers.
    """

    folder: Path

    def get(self, name: str, key: str, kind: type[T]) -> T | None:
        """The value of *name*, when it was made from what *key* (a hash) says by this version of the program."""
        try:
            content = (self.folder / name).read_bytes()
            if not content.startswith(_head(key)):
                return None
            return msgspec.msgpack.decode(content[len(_head(key)) :], type=kind)
        except (OSError, msgspec.MsgspecError, ValueError):
            return None

    def has(self, name: str, key: str) -> bool:
        """Whether `get` would read a value of *name* that was made from what *key* says."""
        try:
            with (self.folder / name).open("rb") as file:
                return file.read(len(_head(key))) == _head(key)
        except OSError:
            return False

    def last(self, name: str, kind: type[T]) -> T | None:
        """The value of *name* that was kept last, whatever it was made from."""
        try:
            return msgspec.msgpack.decode((self.folder / name).read_bytes()[len(_head("")) :], type=kind)
        except (OSError, msgspec.MsgspecError, ValueError):
            return None

    def put(self, name: str, key: str, value: object) -> None:
        """Keep *value* for the next run; a disk that refuses costs time then, nothing else."""
        with suppress(OSError, StoreError, msgspec.MsgspecError, ValueError):
            content = _head(key) + msgspec.msgpack.encode(value)
            private_folder(self.folder)
            _sweep(self.folder)
            part = self.folder / f".{name}.{uuid4().hex[:12]}.part"  # another process may be keeping the same
            try:
                private_file(part).write_bytes(content)
                part.replace(self.folder / name)
            finally:  # half of a value on a full disk would take the room that the run's own record needs
                part.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything."""
        rmtree(self.folder, ignore_errors=True)


class Packed(Mapping[str, Any]):
    """Values of type *kind* by name, each as its bytes: it is made anew whenever it is asked for."""

    __slots__ = ("_kind", "values_by_name")

    def __init__(self, values_by_name: Mapping[str, bytes], kind: Any) -> None:
        self.values_by_name, self._kind = values_by_name, kind

    def __getitem__(self, name: str) -> Any:
        return msgspec.msgpack.decode(zlib.decompress(self.values_by_name[name]), type=self._kind)

    @staticmethod
    def bytes_of(value: object) -> bytes:
        """*value* as it is held; quickly packed, a tenth of what it is. Raises: TypeError, ValueError, MsgspecError."""
        return zlib.compress(msgspec.msgpack.encode(value), 1)

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


@dataclass(frozen=True)
class AnalysisCache:
    """What earlier runs found in a whole mission (`analysis.memo.AnalysisCache`), a file each.

    *shared* is a hash of all that it rests on besides rows, *states* say what the rows of each form look like, *zones* those of
    each zone that has any; *rows* reads the tables of some zones, *pieces* are those that are read together.
    """

    cache: ResultCache
    shared: str
    states: Mapping[str, str]
    zones: Mapping[str, Mapping[str, str]]
    rows: Callable[[Sequence[str]], Mapping[str, Any]]
    pieces: Sequence[Sequence[str]] = ()
    _read: dict[Sequence[str], Mapping[str, Any]] = field(default_factory=dict)

    def get(self, name: str, kind: Any) -> tuple[Any, Collection[str]] | None:
        """The value of that name and the forms that it was read from; None when one of them has changed since."""
        cached = self.cache.get(_file(name), hashed([self.shared, name]), tuple[dict[str, str], bytes])
        if cached is None or any(self.states.get(form_id) != state for form_id, state in cached[0].items()):
            return None
        try:
            return msgspec.msgpack.decode(cached[1], type=kind), cached[0].keys()
        except (msgspec.MsgspecError, ValueError):
            return None

    def put(self, name: str, value: object, forms: Collection[str]) -> None:
        """Keep the value of that name, which was read from *forms*."""
        states = {form_id: self.states.get(form_id, "") for form_id in sorted(forms)}
        with suppress(TypeError, ValueError, msgspec.MsgspecError):
            self.cache.put(_file(name), hashed([self.shared, name]), (states, msgspec.msgpack.encode(value)))

    def parts(self, name: str, kind: Any) -> tuple[Collection[str], Mapping[str, tuple[str, Any]]]:
        """The forms that what was kept zone by zone rests on, and that, by zone with the state of its rows then, `packed`."""
        kept = self.cache.get(_file(name), hashed([self.shared, name]), tuple[str, bytes])
        if kept is None or digest(kept[1]) != kept[0]:  # damaged: it would come to light in the middle of an analysis
            return (), {}
        forms, parts = msgspec.msgpack.decode(kept[1], type=tuple[list[str], dict[str, tuple[str, dict[str, bytes]]]])
        return forms, {zone: (state, Packed(values, kind)) for zone, (state, values) in parts.items()}

    def packed(self, values: Mapping[str, Any], kind: Any) -> Mapping[str, Any]:
        """*values* as they are kept; as they are where they cannot be."""
        try:
            return Packed({name: Packed.bytes_of(value) for name, value in values.items()}, kind)
        except (TypeError, ValueError, msgspec.MsgspecError):
            return values

    def put_parts(self, name: str, forms: Collection[str], parts: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
        """Keep what each zone gave, `packed`, which was read from *forms*; nothing where one of them could not be."""
        packed = {
            zone: (state, each.values_by_name) for zone, (state, each) in parts.items() if isinstance(each, Packed)
        }
        if len(packed) == len(parts):
            content = msgspec.msgpack.encode((sorted(forms), packed))
            self.cache.put(_file(name), hashed([self.shared, name]), (digest(content), content))

    def state(self, zone: str, forms: Collection[str]) -> str:
        """What the rows of *forms* in a zone look like; empty where it has no row of any form."""
        states = self.zones.get(zone)
        return hashed(f"{form_id} {states.get(form_id, '')}" for form_id in sorted(forms)) if states else ""

    def tables(self, zones: Sequence[str]) -> Mapping[str, Any]:
        """The rows of these zones: read once for the analyses that ask in turn."""
        key = tuple(zones)
        if key not in self._read:
            if len(self._read) > 1:
                self._read.clear()
            self._read[key] = self.rows(key)
        return self._read[key]

    def together(self, zones: Collection[str]) -> Iterator[Sequence[str]]:
        """*zones*, so many at a time as are read together; of several the rows are not held until the next are read."""
        due, every = set(zones), self.pieces or [list(zones)]
        parts = [
            [zone for piece in every[at : at + _PIECES] for zone in piece if zone in due]
            for at in range(0, len(every), _PIECES)
        ]
        for some in filter(None, parts):
            yield some
            if len(parts) > 1:
                self._read.pop(tuple(some), None)


@lru_cache(maxsize=16)
def _sweep(folder: Path) -> None:
    """Remove, once in a process, what killed ones were writing into *folder*; what is younger than an hour may be written now."""
    for part in folder.glob(".*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _STALE_S:
                part.unlink()


def _file(name: str) -> str:
    return f"{name.partition(' ')[0]}-{digest(name.encode())[:12]}"


def _head(key: str) -> bytes:
    return hashed([program(), key]).encode()
