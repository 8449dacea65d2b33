"""The ledger: every id that was sent, what should become of it, and what did."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple


class Fate(Enum):
    """What should become of an id."""

    STORED = "stored"
    REFUSED = "refused"
    REJECTED = "rejected"


class Identity(NamedTuple):
    """What makes an event that event."""

    source: str
    id: str


class Letter(NamedTuple):
    """A dead letter: why, and the place of its event."""

    reason: str
    origin: str
    offset: int
    at: int | None


@dataclass
class Ledger:
    """What was sent, as the sender knows it; a resent event is the same identity.

    `uncertain` counts dead letters of records that were sent again because the broker
    had not said whether it had them: it may hold them twice.
    """

    fates: dict[Identity, Fate] = field(default_factory=dict)
    letters: set[Letter] = field(default_factory=set)
    uncertain: Counter[str] = field(default_factory=Counter)
    conflicts: set[Identity] = field(default_factory=set)
    records: int = 0
    sent: Counter[Fate] = field(default_factory=Counter)
    resent: int = 0

    def expect(self, fate: Fate) -> set[Identity]:
        """Identities of one fate."""
        return {one for one, due in self.fates.items() if due is fate}


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


@dataclass(frozen=True)
class Verdict:
    """The ledger reconciled by ids."""

    ledger: Ledger
    found: Found
    lost: Collection[Identity]
    twice: Collection[Identity]
    wrong: Collection[Identity]
    conflicts_missed: Collection[Identity]
    letters_missing: Collection[Letter]
    letters_unexplained: Counter[str]
    letters_not_buried: Collection[Letter]

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
        )
        return not any(wrong) and self.adds_up

    @property
    def adds_up(self) -> bool:
        """Whether the warehouse's own counts are DESIGN's sums, and cover the ledger.

        What was delivered more than once arrived more than once, so what arrived may
        be more than what was sent, and never less.
        """
        counts, sent = self.found.counts, self.ledger.sent
        return (
            counts["received"]
            == counts["accepted"] + counts["rejected"] + counts["refused"]
            and counts["accepted"]
            == counts["stored"] + counts["duplicate"] + counts["conflicting"]
            and counts["stored"] == len(self.ledger.expect(Fate.STORED))
            and counts["conflicting"] == len(self.ledger.conflicts)
            and counts["accepted"] >= sent[Fate.STORED]
            and counts["rejected"] >= len(self.ledger.letters)
            and counts["refused"] >= sent[Fate.REFUSED]
        )


def reconcile(ledger: Ledger, found: Found) -> Verdict:
    """Compare identity by identity, and letter by letter."""
    due = ledger.expect(Fate.STORED)
    extra = Counter(one.reason for one in found.letters - ledger.letters)
    return Verdict(
        ledger,
        found,
        lost=sorted(due - found.seen.keys()),
        twice=sorted(one for one, times in found.seen.items() if times > 1),
        wrong=sorted(found.seen.keys() - due),
        conflicts_missed=sorted(ledger.conflicts ^ found.apart.keys()),
        letters_missing=sorted(ledger.letters - found.letters, key=str),
        letters_unexplained=extra - ledger.uncertain,
        letters_not_buried=sorted(found.letters - found.buried.keys(), key=str),
    )


def lines(verdict: Verdict) -> list[str]:
    """The ledger as it is printed."""
    ledger, counts = verdict.ledger, verdict.found.counts
    again = counts["duplicate"] - ledger.resent
    return [
        f"sent          {ledger.sent.total():,} events in {ledger.records:,} records; "
        f"{len(ledger.fates):,} ids, of which {len(ledger.expect(Fate.STORED)):,} to be "
        f"stored, {len(ledger.expect(Fate.REFUSED)):,} refused, "
        f"{len(ledger.expect(Fate.REJECTED)):,} rejected",
        f"lost          {len(verdict.lost):,}{_some(verdict.lost)}",
        f"visible twice {len(verdict.twice):,}{_some(verdict.twice)}",
        f"visible, but rejected, refused or never sent: {len(verdict.wrong):,}"
        f"{_some(verdict.wrong)}",
        f"received      {counts['received']:,} = {counts['accepted']:,} accepted + "
        f"{counts['rejected']:,} rejected + {counts['refused']:,} refused",
        f"accepted      {counts['accepted']:,} = {counts['stored']:,} stored + "
        f"{counts['duplicate']:,} duplicate + {counts['conflicting']:,} conflicting "
        f"(sent in conflict: {len(ledger.conflicts):,})",
        f"duplicate     {counts['duplicate']:,} = {ledger.resent:,} resent + {again:,} "
        f"delivered again",
        *_letter_lines(verdict),
    ]


def _letter_lines(verdict: Verdict) -> list[str]:
    expected = Counter(one.reason for one in verdict.ledger.letters)
    found = Counter(one.reason for one in verdict.found.letters)
    buried = verdict.found.buried
    reasons = sorted(expected | found)
    return [
        f"dead letters  {len(verdict.found.letters):,} found, "
        f"{len(verdict.ledger.letters):,} expected, {len(verdict.letters_missing):,} "
        f"missing; in the topic {len(buried):,}, {buried.total() - len(buried):,} of "
        f"them again",
        *(f"  {one:<20} {found[one]:,} of {expected[one]:,}" for one in reasons),
    ]


def _some(identities: Collection[Identity]) -> str:
    few = [f"{source} {id_}" for source, id_ in list(identities)[:5]]
    return f" ({', '.join(few)} …)" if few else ""
