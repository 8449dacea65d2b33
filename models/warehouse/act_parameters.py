"""What queries over acts must know of the study: outages, clocks, what takes acts back."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from panelstream.models.events.catalogue import Catalogue
from panelstream.models.events.clocks import Clocks
from panelstream.models.study.folder import StudyFolder
from panelstream.models.study.study import Study
from panelstream.models.timestamps import microseconds

_NO_TYPE = [""]
"""The engine wants one type at least; no event has this one."""


def functions_of_types(catalogue: Catalogue) -> Mapping[str, list[str]]:
    """The types of a catalogue with their functions, for queries."""
    types = catalogue.types
    return {
        "types": list(types),
        "own_functions": [rule.function or "" for rule in types.values()],
        "changed_functions": [catalogue.affected_function(name) for name in types],
    }


def withdrawals(folder: StudyFolder) -> Mapping[str, str]:
    """The types that take back acts of the study's functions, and those types."""
    catalogue, functions = folder.catalogue, folder.study.exposure.functions
    return {
        withdrawing_type: withdrawn_type
        for withdrawing_type, withdrawn_type in catalogue.withdrawals.items()
        if catalogue.types[withdrawn_type].function in functions
    }


def taken_back(folder: StudyFolder) -> Mapping[str, list[str]]:
    """The types that take back acts, those acts and their functions, for queries."""
    types, withdrawn_types = folder.catalogue.types, withdrawals(folder)
    functions = {types[name].function or "" for name in withdrawn_types.values()}
    return {
        "withdrawing": list(withdrawn_types) or _NO_TYPE,
        "withdrawn": list(withdrawn_types.values()) or _NO_TYPE,
        "withdrawn_functions": sorted(functions),
    }


def lost(study: Study) -> Mapping[str, list[Any]]:
    """What was recorded in outages that are prorated, for queries that leave it out."""
    outages = [
        (name, microseconds(outage.start), microseconds(outage.end))
        for outage in study.outages
        if outage.handling == "prorate"
        for name in outage.functions
    ]
    return {
        "lost": [name for name, _, _ in outages],
        "lost_from": [start for _, start, _ in outages],
        "lost_to": [end for _, _, end in outages],
    }


def clock_parameters(clocks: Clocks) -> Mapping[str, list[int]]:
    """The times that are corrected, of whatever source, and by how much: microseconds."""
    corrections = clocks.corrections
    return {
        "clocks_from": [microseconds(c.start) for c in corrections],
        "clocks_until": [microseconds(c.end) for c in corrections],
        "clock_shifts": [c.shift // timedelta(microseconds=1) for c in corrections],
    }
