"""Which end of a scale a label names, by its words: agreement or its opposite.

Only a hint: it raises questions and chooses between proposals, it never turns answers.
"""

import re
from collections.abc import Mapping

from panelstream.ingest.surveys.cell_words import bare_label_key

_LOW = re.compile(
    r"\b(?:dis(?:agree|satisf|lik)|not|no|never|none|rarely|seldom|false|least)"
    r"|\bun(?:likely|true|willing|satisf)|\bin(?:correct|frequent)"
    r"|いいえ|ない|ません|なし|無$|不満|反対|\bn(?:ein|ie|on)\b|\bjamais\b|\bnunca\b"
)
_HIGH = re.compile(
    r"\b(?:agree|always|yes|likely|true|every|often|frequent|very|extremely|daily|most)"
    r"|\b(?:satisf|willing|correct|ja|oui|immer|toujours|siempre)\b"
    r"|はい|いつも|毎日|そう思う|思います|当てはまる|あてはまる|ある$|あります|高い|とても"
    r"|非常に|賛成|満足"
)


def label_end(label: str) -> int:
    """-1 for a label of the low end (never, disagree), 1 for one of the high, else 0."""
    key = bare_label_key(label)
    if _LOW.search(key):
        return -1
    return 1 if _HIGH.search(key) else 0


def label_order(labels: Mapping[int, str]) -> int:
    """1 if labels rise with their numbers, -1 if they fall, 0 if no word says so."""
    if len(labels) < 2:
        return 0
    low, high = label_end(labels[min(labels)]), label_end(labels[max(labels)])
    return (high > low) - (high < low)
