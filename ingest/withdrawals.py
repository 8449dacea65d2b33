"""Periods after a withdrawal from collection, in which data of a person is refused."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from panelstream.models.study import consent
from panelstream.models.study.consent import ConsentStatements, WithdrawalPeriods
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.merges import Merges, read_merges
from panelstream.models.warehouse.reads import read_consent_statements
from panelstream.models.warehouse.store import Store


def read_withdrawal_periods(
    store: Store, zone: ZoneInfo
) -> Mapping[bytes, WithdrawalPeriods]:
    """When nothing of a participant is taken, for all who withdrew from collection."""
    stored, merges = read_consent_statements(store, LATEST), read_merges(store)
    return derive_withdrawal_periods(stored, {}, zone, merges)


def derive_withdrawal_periods(
    stored: ConsentStatements,
    unstored: ConsentStatements,
    zone: ZoneInfo,
    merges: Merges,
) -> Mapping[bytes, WithdrawalPeriods]:
    """The same from consents that are stored, and those that have arrived only.

    By every id of each person; `stored` and `unstored` are by person.
    """
    periods = {
        bytes.fromhex(participant): consent.withdrawal_periods(
            [*statements, *unstored.get(participant, ())], zone
        )
        for participant, statements in stored.items()
    }
    return {
        participant_id: gone
        for participant, gone in periods.items()
        if gone
        for participant_id in merges.ids_of(participant)
    }
