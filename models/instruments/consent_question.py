"""The item of a survey with which people agree, as an export's mapping names it."""

from panelstream.models.instruments.instrument import NO_OR_YES, Instrument, Item

CONSENT_QUESTION = Instrument(
    instrument="consent",
    title={"en": "Consent", "ja": "同意"},
    reference="",
    licence="",
    items=(
        Item(
            code="consent",
            choices={"yes": NO_OR_YES[1], "no": NO_OR_YES[0], "1": {}, "0": {}},
        ),
    ),
)
