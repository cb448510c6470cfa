"""The model: draws what the source holds, and knows what has to be in the stores afterwards."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.crash.shop import LOYALTY, TILL, WEB, put, to_bytes

Row = tuple[str, str]
"""Id of an event and its coupon."""
Identity = tuple[str, str]
_PEOPLE: Final = 9
_MAILS: Final = 7
_DAYS: Final = 3
"""In the lake each day has files of its own: enough for several, and few, since they take most of a seed's time."""
_TOO_LONG: Final = "much too long a coupon"


@dataclass(slots=True, kw_only=True)
class Content:
    """What a file holds: `rows` that can be loaded and others that can't, and who visited."""

    data: bytes
    rows: tuple[Row, ...]
    links: tuple[tuple[str, Identity, Identity], ...]


@dataclass(slots=True)
class Model:
    """The source of one seed. `fatal` files hold so many bad records that no batch with them may load."""

    inbox: Path
    random: Random
    files: dict[tuple[str, str], Content] = field(default_factory=dict)
    fatal: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    gone: set[tuple[str, str]] = field(default_factory=set)
    _records: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    _tick: int = 0

    def next_round(self, *, may_be_fatal: bool) -> None:
        """Mend what was fatal, and bring new, changed, duplicate, and bad files; remove some that were loaded."""
        mended, self.fatal = self.fatal, {}
        before = [key for key in sorted(self.files) if key not in self.gone]
        for key, records in mended.items():
            self._put(key, records)
        for flow in (TILL, WEB):
            for number in range(self.random.randint(1, 3)):
                key = (flow, f"{self._tick}-{number}.json")
                records = self._draw_records(key)
                if may_be_fatal and number == 0 and self.random.random() < 0.2:
                    self.fatal[key] = records
                    self._write(key, to_bytes(records + [_bad(record) for record in records * 8]))
                else:
                    self._put(key, records)
        self._change([key for key in before if key[0] == WEB], may_go=all(flow != WEB for flow, _ in mended))
        self._copy([key for key in before if key[0] == TILL])

    def rows(self) -> Counter[Row]:
        """The rows that the dataset has to have: of files with the same bytes one counts."""
        return Counter(row for content in self.contents() for row in content.rows)

    def contents(self) -> Iterator[Content]:
        """What was to be loaded, each content once."""
        yield from (content for _, content in self.distinct())

    def distinct(self) -> Iterator[tuple[str, Content]]:
        """The same, each with the dataflow that loads it."""
        for (flow, _), content in {(flow, content.data): content for (flow, _), content in self.files.items()}.items():
            yield flow, content

    def people(self) -> dict[Identity, tuple[frozenset[Identity], frozenset[str]]]:
        """For each identity: all identities of the same person, and the ids of the person's events."""
        groups: dict[Identity, set[Identity]] = {}
        links = [link for content in self.contents() for link in content.links]
        for _, one, other in links:
            joined = groups.get(one, {one}) | groups.get(other, {other})
            for identity in joined:
                groups[identity] = joined
        events: dict[Identity, set[str]] = {}
        for event, one, _ in links:
            for identity in groups[one]:
                events.setdefault(identity, set()).add(event)
        return {identity: (frozenset(group), frozenset(events[identity])) for identity, group in groups.items()}

    def _change(self, keys: list[tuple[str, str]], *, may_go: bool) -> None:
        """Change some files, and remove others if they were loaded: if there was no fatal file beside them."""
        for key in keys:
            luck = self.random.random()
            if luck < 0.4:
                changed = [
                    record | {"_crash": record["_crash"] | {"coupon": f"v{self._tick}"}}
                    for record in self._records[key]
                ]
                self._put(key, changed + self._draw_records((key[0], f"{self._tick}+{key[1]}")))
            elif luck < 0.5 and may_go:
                (self.inbox / key[0] / key[1]).unlink()
                self.gone.add(key)

    def _copy(self, keys: list[tuple[str, str]]) -> None:
        for key in keys:
            if self.random.random() < 0.3:
                copy = (key[0], f"{self._tick}-copy-of-{key[1]}")
                self.files[copy], self._records[copy] = self.files[key], self._records[key]
                self._write(copy, self.files[key].data)

    def _draw_records(self, key: tuple[str, str]) -> list[dict[str, Any]]:
        return [
            {
                "_id": f"{key[0]}/{key[1]}/{number}",
                "timestamp": f"2026-10-{1 + number % _DAYS:02d}T12:00:00Z",
                "_crash": {
                    "loyaltyId": f"L{self.random.randrange(_PEOPLE)}",
                    "email": f"m{self.random.randrange(_MAILS)}@example.com",
                    "coupon": f"c{self.random.randrange(100)}",
                },
            }
            for number in range(self.random.randint(8, 14))
        ]

    def _put(self, key: tuple[str, str], records: list[dict[str, Any]]) -> None:
        bad = [_bad(records[0])] if self.random.random() < 0.3 else []
        data = to_bytes(records + bad)
        self.files[key] = Content(
            data=data,
            rows=tuple((record["_id"], record["_crash"]["coupon"]) for record in records),
            links=tuple((record["_id"], *_identities(record)) for record in records),
        )
        self._records[key] = records
        self._write(key, data)

    def _write(self, key: tuple[str, str], data: bytes) -> None:
        self._tick += 1
        put(self.inbox / key[0] / key[1], data, self._tick)


def _identities(record: dict[str, Any]) -> tuple[Identity, Identity]:
    return (LOYALTY, record["_crash"]["loyaltyId"]), ("Email", record["_crash"]["email"])


def _bad(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"_crash": record["_crash"] | {"coupon": _TOO_LONG}}
