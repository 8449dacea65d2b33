"""Periods after a withdrawal from collection, in which data of a person is refused."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from panelstream.models.study import consent
from panelstream.models.study.consent import ConsentStatements, WithdrawalPeriods
from panelstream.models.timestamps import LATEST
from panelstream.models.warehouse.store import Store


def read_withdrawal_periods(
    store: Store, zone: ZoneInfo, arriving: ConsentStatements | None = None
) -> Mapping[bytes, WithdrawalPeriods]:
    """When nothing of a participant is taken, for all who withdrew from collection.

    `arriving`: consents among the data that has arrived and is not stored yet.
    """
    rows = store.query("consents", as_of=LATEST).to_pylist()
    stored, unstored = consent.group_statements(rows), arriving or {}
    periods = {
        bytes.fromhex(participant): consent.withdrawal_periods(
            [*statements, *unstored.get(participant, ())], zone
        )
        for participant, statements in stored.items()
    }
    return {participant: gone for participant, gone in periods.items() if gone}
