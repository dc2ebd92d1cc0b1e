"""Whether a form promises those who answer that they are not known, and what would break the promise."""

from __future__ import annotations

import re

from kobo_sync.forms.personal import folded
from kobo_sync.model import Form

# What phones and the server note of whoever sends a form, and when it was filled in.
TELLING = frozenset("username deviceid phonenumber email subscriberid simserial audit start end".split())
_ANONYMOUS = re.compile(
    r"(?:^|_)(?:anonym\w*|anonim\w*)(?=_|$)|(?:^|_)ni_(?:le_|votre_)?noms?(?=_|$)|(?:^|_)sans_(?:nom|donner_votre_nom)(?=_|$)|"
    r"(?:^|_)(?:no|without)_names?(?=_|$)|(?:^|_)sin_nombres?(?=_|$)|"
    r"(?:^|_)aucun_nom(?:_n_est|_ne_sera)?_(?:demande|note|enregistre)|(?:^|_)seuls?_(?:votre|vos)_\w+_(?:est|sont|sera|seront)_(?:note|enregistre)|"
    r"(?:^|_)(?:we_do_not_ask|no_one_asks|not_ask)_(?:for_)?(?:your_)?names?|(?:^|_)no_se_pide_(?:ningun_)?nombre|لا_يطلب_(?:منكم_)?(?:اي_|أي_)?اسم|مجهول\w*|بدون_اسم|دون_ذكر_(?:ال)?اسم\w*|(?:^|_)لا_(?:ال)?اسم(?=_|$)|غفل"
)
_DENIED = re.compile(r"(?:^|_)(?:pas|non|not|no_es|nest_pas|ليس\w*|غير)_(?:\w+_)?(?:anonym|anonim|مجهول)")


def promises(text: str) -> bool:
    """Whether a title, a note or a label says that answers are anonymous."""
    words = folded(text)
    return bool(_ANONYMOUS.search(words)) and not _DENIED.search(words)


def is_anonymous(form: Form) -> bool:
    """Whether the form's title, or a note, label or hint of it, promises that answers are anonymous."""
    spoken = [
        text for q in form.questions if q.kind == "note" for texts in (q.labels, q.hints) for text in texts.values()
    ]
    spoken += [text for section in form.sections for text in section.labels.values()]
    return any(map(promises, (form.title, *spoken)))
