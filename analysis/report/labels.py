"""What readers call functions, scores and signs of careless answers."""

from panelstream.analysis.panel import careless_responding
from panelstream.models.study import measures
from panelstream.models.study.folder import StudyFolder

_SIGNS = {
    "straightlined": "the same answer to every item",
    "inconsistent": "reversed and plain items contradict one another",
}


def labels(folder: StudyFolder) -> dict[str, str]:
    """What readers call each column that a table may name."""
    functions = {
        name: folder.catalogue.label(name) for name in folder.catalogue.functions
    }
    scores = {
        f"{instrument.instrument}_{scale.code}": scale.label.get("en", scale.code)
        for instrument in folder.instruments
        for scale in instrument.scales
    }
    further = {
        measure.name: measures.column_label(measure, folder.catalogue)
        for measure in folder.measures
    }
    return {**functions, **scores, **further, **careless_labels(folder)}


def careless_labels(folder: StudyFolder) -> dict[str, str]:
    """What readers call each sign of careless answers, by its column."""
    signs = {
        f"{instrument.column(scale)}_{sign}": (
            f"{scale.label.get('en', instrument.column(scale))}: {words}"
        )
        for instrument, scale in careless_responding.scales_with_reversed_items(
            folder.instruments
        )
        for sign, words in _SIGNS.items()
    }
    return {**signs, "too_fast": "The form was answered too fast to be read"}
