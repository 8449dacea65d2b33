"""The ledger: every record that was sent, what should become of it, and what did."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import NamedTuple


class Fate(Enum):
    """What should become of an event."""

    STORED = "stored"
    REFUSED = "refused"
    REJECTED = "rejected"
    ABORTED = "aborted"
    """Its sender took it back: the transaction was aborted."""


class Identity(NamedTuple):
    """What makes an event that event."""

    source: str
    id: str


class Act(NamedTuple):
    """Whose use of which function on which study-local day an event is."""

    person: str
    function: str
    day: date


class Blind(NamedTuple):
    """Days, both included, of which use is unknown.

    `person`: empty: everybody's. `function`: empty: of every function.
    """

    first: date
    last: date
    person: str = ""
    function: str = ""


class Entry(NamedTuple):
    """An event that was sent; `act`: None if it counts towards nothing."""

    identity: Identity
    fate: Fate
    act: Act | None = None


class Defect(NamedTuple):
    """Why something of a record must be rejected, and what that makes unknown.

    `at`: its index in the batch; None: the whole record.
    """

    reason: str
    at: int | None
    blind: Blind | None = None


class Letter(NamedTuple):
    """A dead letter: why, and the place of its event; `log`: the topic's id."""

    reason: str
    origin: str
    offset: int
    at: int | None
    log: str = ""


class Gap(NamedTuple):
    """Offsets of a partition that no worker can read."""

    reason: str
    partition: int
    start: int
    until: int


@dataclass(frozen=True)
class Record:
    """One Kafka record: its time, its events, what must be rejected of it.

    `conflicts`: events whose ids were sent before with other content.
    """

    value: bytes | None
    at: datetime
    events: Sequence[Entry] = ()
    defects: Sequence[Defect] = ()
    conflicts: bool = False
    repeats: bool = False


class Log(NamedTuple):
    """A topic as long as it continues: another after it was lost or created again.

    `log_id`: what letters name; that of the topic, and how often its log was lost.
    """

    number: int
    log_id: str


NO_LOG = Log(0, "")


class Place(NamedTuple):
    """Where a record is."""

    log: Log
    partition: int
    offset: int


@dataclass(frozen=True)
class Delivery:
    """A record that was acknowledged; `place`: None if it came by another road.

    `uncertain`: it may be there a second time, as an earlier attempt was not answered.
    """

    place: Place | None
    at: datetime
    events: Sequence[Entry]
    defects: Sequence[Defect] = ()
    conflicts: bool = False
    repeats: bool = False
    uncertain: bool = False

    @property
    def is_readable(self) -> bool:
        """Whether a worker gets it to see: not if it was taken back."""
        return all(entry.fate is not Fate.ABORTED for entry in self.events)


@dataclass
class Ledger:
    """What was sent, as the sender knows it; a resent event is the same identity.

    `sent` counts events by fate, whatever becomes of the log later.
    """

    topic: str = "events"
    log: Log = NO_LOG
    deliveries: list[Delivery] = field(default_factory=list)
    sent: Counter[Fate] = field(default_factory=Counter)
    lost: set[Place] = field(default_factory=set)
    gaps: set[Gap] = field(default_factory=set)
    blind: list[Blind] = field(default_factory=list)

    def enter(
        self,
        record: Record,
        partition: int | None,
        offset: int = 0,
        uncertain: bool = False,
    ) -> None:
        """Enter a record that was acknowledged; without its value, for the memory."""
        place = None if partition is None else Place(self.log, partition, offset)
        self.deliveries.append(
            Delivery(
                place,
                record.at,
                record.events,
                record.defects,
                record.conflicts,
                record.repeats,
                uncertain,
            )
        )
        for entry in record.events:
            self.sent[entry.fate] += 1

    def placed(self, log: Log, partition: int) -> list[Delivery]:
        """What a worker can read of a partition, by offset."""
        readable = [
            entry
            for entry in self.deliveries
            if entry.is_readable and entry.place and entry.place[:2] == (log, partition)
        ]
        return sorted(readable, key=lambda entry: entry.place or ())

    def lose(self, partition: int, start: int, end: float = float("inf")) -> None:
        """Records of the log from an offset to before another that nobody read."""
        self.lost |= {
            delivery.place
            for delivery in self.placed(self.log, partition)
            if delivery.place and start <= delivery.place.offset < end
        }

    def expect(self) -> "Expected":
        """What should be there, of all that was not lost."""
        return Expected.of(self)


@dataclass(frozen=True)
class Expected:
    """What should be there in the end.

    `stored`: each id with its act; `lost`: ids of which no copy was left to be read;
    `unsure`: such ids of which a copy may be left all the same; `uncertain`: how many
    letters of which reason may be there again.
    """

    stored: Mapping[Identity, Act | None]
    absent: Collection[Identity]
    lost: Collection[Identity]
    unsure: Collection[Identity]
    refused: int
    letters: Collection[Letter]
    conflicts: Collection[Identity]
    uncertain: Counter[str]
    accepted: int
    resent: int
    blind: Collection[Blind]

    @classmethod
    def of(cls, ledger: Ledger) -> "Expected":
        """Go through the ledger, record by record."""
        remaining = [e for e in ledger.deliveries if e.place not in ledger.lost]
        gone = [e for e in ledger.deliveries if e.place and e.place in ledger.lost]
        stored: dict[Identity, Act | None] = {}
        versions: dict[Identity, set[bool]] = defaultdict(set)
        for delivery, entry in _entries(remaining, Fate.STORED):
            stored[entry.identity] = entry.act
            versions[entry.identity].add(delivery.conflicts)
        lost = {entry.identity for _, entry in _entries(gone, Fate.STORED)}
        unsure = {
            entry.identity
            for delivery, entry in _entries(gone, Fate.STORED)
            if delivery.uncertain
        }
        defects = [
            (delivery, defect) for delivery in remaining for defect in delivery.defects
        ]
        conflicts = {identity for identity, both in versions.items() if len(both) == 2}
        hidden = [act for identity in conflicts if (act := stored[identity])]
        blind = {
            *(defect.blind for _, defect in defects if defect.blind),
            *(Blind(act.day, act.day, act.person, act.function) for act in hidden),
        }
        return cls(
            stored,
            {
                entry.identity
                for fate in (Fate.REFUSED, Fate.REJECTED, Fate.ABORTED)
                for _, entry in _entries(remaining, fate)
            },
            lost - stored.keys() - unsure,
            unsure - stored.keys(),
            sum(1 for _ in _entries(remaining, Fate.REFUSED)),
            {
                _letter(ledger.topic, delivery.place, defect)
                for delivery, defect in defects
                if delivery.place
            },
            conflicts,
            Counter(
                defect.reason
                for delivery in ledger.deliveries
                for defect in delivery.defects
                if delivery.uncertain
            ),
            sum(1 for _ in _entries(remaining, Fate.STORED)),
            sum(delivery.repeats for delivery, _ in _entries(remaining, Fate.STORED)),
            blind | set(ledger.blind),
        )


def _entries(
    deliveries: Iterable[Delivery], fate: Fate
) -> Iterator[tuple[Delivery, Entry]]:
    return (
        (delivery, entry)
        for delivery in deliveries
        for entry in delivery.events
        if entry.fate is fate
    )


def _letter(topic: str, place: Place, defect: Defect) -> Letter:
    origin = f"{topic}[{place.partition}]"
    return Letter(defect.reason, origin, place.offset, defect.at, place.log.log_id)


class Found(NamedTuple):
    """What the warehouse and the topic of dead letters hold in the end.

    `seen`: the identity of each row that a reader sees; `counts`: `arrival_counts`;
    `buried`: letters in the topic, each as often as it is there.
    """

    seen: Counter[Identity]
    apart: Counter[Identity]
    counts: dict[str, int]
    letters: set[Letter]
    buried: Counter[Letter]
    gaps: set[Gap] = set()


@dataclass(frozen=True)
class Verdict:
    """The ledger reconciled by ids."""

    ledger: Ledger
    expected: Expected
    found: Found
    lost: Collection[Identity]
    twice: Collection[Identity]
    wrong: Collection[Identity]
    conflicts_missed: Collection[Identity]
    letters_missing: Collection[Letter]
    letters_unexplained: Counter[str]
    letters_not_buried: Collection[Letter]
    gaps_wrong: Collection[Gap]

    @property
    def sound(self) -> bool:
        """Whether nothing is lost, doubled, or where it should not be."""
        wrong: Iterable[Collection[object]] = (
            self.lost,
            self.twice,
            self.wrong,
            self.conflicts_missed,
            self.letters_missing,
            self.letters_unexplained,
            self.letters_not_buried,
            self.gaps_wrong,
        )
        return not any(wrong) and self.adds_up

    @property
    def adds_up(self) -> bool:
        """Whether the warehouse's own counts are DESIGN's sums, and cover the ledger.

        What was delivered more than once arrived more than once, so what arrived may
        be more than what was sent, and never less.
        """
        counts, due = self.found.counts, self.expected
        slack = len(due.unsure)
        return (
            counts["received"]
            == counts["accepted"] + counts["rejected"] + counts["refused"]
            and counts["accepted"]
            == counts["stored"] + counts["duplicate"] + counts["conflicting"]
            and 0 <= counts["stored"] - len(due.stored) <= slack
            and 0 <= counts["conflicting"] - len(due.conflicts) <= slack
            and counts["accepted"] >= due.accepted
            and counts["rejected"] >= len(due.letters)
            and counts["refused"] >= due.refused
        )


def reconcile(ledger: Ledger, found: Found) -> Verdict:
    """Compare identity by identity, letter by letter, gap by gap."""
    due = ledger.expect()
    extra = Counter(letter.reason for letter in found.letters - set(due.letters))
    unsure = set(due.unsure)
    return Verdict(
        ledger,
        due,
        found,
        lost=sorted(due.stored.keys() - found.seen.keys()),
        twice=sorted(entry for entry, times in found.seen.items() if times > 1),
        wrong=sorted(found.seen.keys() - due.stored.keys() - unsure),
        conflicts_missed=sorted((set(due.conflicts) ^ found.apart.keys()) - unsure),
        letters_missing=sorted(set(due.letters) - found.letters, key=str),
        letters_unexplained=extra - due.uncertain,
        letters_not_buried=sorted(found.letters - found.buried.keys(), key=str),
        gaps_wrong=sorted(ledger.gaps ^ found.gaps),
    )


def lines(verdict: Verdict) -> list[str]:
    """The ledger as it is printed."""
    ledger, due, counts = verdict.ledger, verdict.expected, verdict.found.counts
    again = counts["duplicate"] - due.resent
    return [
        f"sent          {ledger.sent.total():,} events in {len(ledger.deliveries):,} "
        f"records; {len(due.stored):,} ids to be stored, {len(due.absent):,} refused, "
        f"rejected or aborted, {len(due.lost):,} deleted from the log unread",
        f"lost          {len(verdict.lost):,}{_some(verdict.lost)}",
        f"visible twice {len(verdict.twice):,}{_some(verdict.twice)}",
        f"visible, but refused, rejected, aborted, deleted or never sent: "
        f"{len(verdict.wrong):,}{_some(verdict.wrong)}",
        f"received      {counts['received']:,} = {counts['accepted']:,} accepted + "
        f"{counts['rejected']:,} rejected + {counts['refused']:,} refused",
        f"accepted      {counts['accepted']:,} = {counts['stored']:,} stored + "
        f"{counts['duplicate']:,} duplicate + {counts['conflicting']:,} conflicting "
        f"(sent in conflict: {len(due.conflicts):,})",
        f"duplicate     {counts['duplicate']:,} = {due.resent:,} resent + {again:,} "
        f"delivered again",
        *_letter_lines(verdict),
        f"gaps          {len(verdict.found.gaps):,} recorded, {len(ledger.gaps):,} "
        f"made, {len(verdict.gaps_wrong):,} only one of both"
        + "".join(f"\n  {gap}" for gap in list(verdict.gaps_wrong)[:10]),
    ]


def _letter_lines(verdict: Verdict) -> list[str]:
    expected = Counter(letter.reason for letter in verdict.expected.letters)
    found = Counter(letter.reason for letter in verdict.found.letters)
    buried = verdict.found.buried
    reasons = sorted(expected | found)
    return [
        f"dead letters  {len(verdict.found.letters):,} found, "
        f"{len(verdict.expected.letters):,} expected, "
        f"{len(verdict.letters_missing):,} missing; in the topic {len(buried):,}, "
        f"{buried.total() - len(buried):,} of them again",
        *(
            f"  {reason:<20} {found[reason]:,} of {expected[reason]:,}"
            for reason in reasons
        ),
    ]


def _some(identities: Collection[Identity]) -> str:
    few = [f"{source} {id_}" for source, id_ in list(identities)[:5]]
    return f" ({', '.join(few)} …)" if few else ""
