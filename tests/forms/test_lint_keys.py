"""A test that guessing passes (part 8, B27): which rules of thumb find its key, and when that is more than chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from kobo_sync.forms.rules import lint
from kobo_sync.forms.xlsform import read_form
from kobo_sync.workspace.folders import Workspace

REPO = Path(__file__).parents[2]
KEY = "bcadacbdba"
# The test as it was: (French, Arabic) choices a to d of each item.
OLD = (
    (
        ("Distribuer une aide matérielle aux familles les plus pauvres", "توزيع مساعدات مادية على الأسر الأكثر فقراً"),
        (
            "Une action organisée pour obtenir qu’un décideur change une décision ou une pratique",
            "عمل منظم من أجل دفع صاحب قرار إلى تغيير قرار أو ممارسة",
        ),
        ("Une campagne de publicité pour faire connaître l’association", "حملة إشهارية للتعريف بالجمعية"),
        ("Une demande de subvention pour le fonctionnement de l’association", "طلب منحة لتسيير الجمعية"),
    ),
    (
        ("Demander une audience au plus haut responsable", "طلب لقاء مع أعلى مسؤول"),
        ("Imprimer des affiches et des banderoles", "طباعة الملصقات واللافتات"),
        ("Analyser le problème, ses causes et les preuves disponibles", "تحليل المشكلة وأسبابها والأدلة المتوفرة"),
        ("Publier un communiqué dans la presse", "نشر بلاغ في الصحافة"),
    ),
    (
        (
            "D’ici au 30 septembre, la commune met en service un bus scolaire pour 40 élèves de deux douars",
            "قبل 30 شتنبر، تشغّل الجماعة حافلة مدرسية لفائدة 40 تلميذاً من دوّارين",
        ),
        (
            "Améliorer durablement la qualité de l’éducation dans toute la région",
            "تحسين جودة التعليم بشكل دائم في الجهة كلها",
        ),
        ("Sensibiliser toute la population à l’importance de la santé", "توعية جميع السكان بأهمية الصحة"),
        (
            "Obtenir davantage de moyens pour les écoles le plus vite possible",
            "الحصول على المزيد من الوسائل للمدارس في أقرب وقت",
        ),
    ),
    (
        ("À dresser la liste des membres de l’association", "وضع لائحة أعضاء الجمعية"),
        ("À situer les douars sur une carte", "تحديد مواقع الدواوير على الخريطة"),
        ("À calculer le budget des activités", "حساب ميزانية الأنشطة"),
        (
            "À repérer qui décide, qui peut nous appuyer et qui peut s’opposer",
            "معرفة من يقرر ومن يمكنه دعمنا ومن قد يعارضنا",
        ),
    ),
    (
        (
            "Influencer un décideur par des contacts directs et des arguments préparés",
            "التأثير على صاحب القرار عبر اتصالات مباشرة وحجج مُعدّة",
        ),
        ("Organiser un rassemblement devant le siège de la commune", "تنظيم تجمع أمام مقر الجماعة"),
        ("Offrir un avantage au décideur pour qu’il accepte", "تقديم امتياز لصاحب القرار كي يقبل"),
        ("Informer le grand public par la radio et les réseaux sociaux", "إخبار عموم الناس عبر الإذاعة وشبكات التواصل"),
    ),
    (
        ("La liste de toutes les plaintes des habitants", "لائحة جميع شكاوى السكان"),
        ("Un cadeau de la part de l’association", "هدية باسم الجمعية"),
        (
            "Un message court, une demande précise et les chiffres qui la soutiennent",
            "رسالة قصيرة وطلب محدد والأرقام التي تدعمه",
        ),
        ("Un long exposé sur l’histoire de l’association", "عرض مطوّل عن تاريخ الجمعية"),
    ),
    (
        ("Le parcours et les diplômes des membres du bureau", "مسار أعضاء المكتب وشهاداتهم"),
        (
            "Le problème, les preuves et la solution demandée, en une ou deux pages",
            "المشكلة والأدلة والحل المطلوب، في صفحة أو صفحتين",
        ),
        ("La critique des décisions prises par le passé", "انتقاد القرارات المتخذة في الماضي"),
        ("Le rapport d’activités complet de l’année", "التقرير الكامل لأنشطة السنة"),
    ),
    (
        ("Il n’y en a pas : les deux mots disent la même chose", "لا فرق بينهما: للكلمتين المعنى نفسه"),
        ("La position est secrète, l’intérêt est public", "الموقف سري والمصلحة علنية"),
        (
            "L’intérêt est ce que l’on demande, la position est la raison de la demande",
            "المصلحة هي ما نطلبه، والموقف هو سبب الطلب",
        ),
        (
            "La position est ce que l’on demande, l’intérêt est la raison de la demande",
            "الموقف هو ما نطلبه، والمصلحة هي سبب الطلب",
        ),
    ),
    (
        ("Pour pouvoir menacer l’autre partie", "لنتمكن من تهديد الطرف الآخر"),
        ("Pour savoir ce que l’on fera si aucun accord n’est trouvé", "لنعرف ما سنفعله إذا لم نتوصل إلى اتفاق"),
        ("Pour renoncer plus vite à sa demande", "للتخلي بسرعة عن مطلبنا"),
        ("Pour demander le double de ce que l’on veut", "للمطالبة بضعف ما نريد"),
    ),
    (
        ("Par un accord écrit qui précise qui fait quoi et pour quand", "باتفاق مكتوب يحدد من يفعل ماذا ومتى"),
        ("Par une poignée de main, sans rien écrire", "بمصافحة دون كتابة أي شيء"),
        ("En laissant chacun comprendre l’accord à sa manière", "بترك كل طرف يفهم الاتفاق بطريقته"),
        ("En publiant aussitôt les concessions de l’autre partie", "بنشر تنازلات الطرف الآخر فوراً"),
    ),
)
IDLE = ("Je ne sais pas", "لا أعرف")


def _form(items: list[list[tuple[str, str]]], *, idle: bool = True) -> bytes:
    """A test of these items in French and Arabic, each with « Je ne sais pas » when *idle*."""
    survey = ["| survey |", "| | type | name | label::Français (fr) | label::العربية (ar) |"]
    choices = ["| choices |", "| | list_name | name | label::Français (fr) | label::العربية (ar) |"]
    for number, options in enumerate(items, 1):
        survey.append(f"| | select_one r{number} | q{number} | Q | س |")
        named = [*zip("abcdefgh", options, strict=False), *([("nsp", IDLE)] if idle else [])]
        choices += [f"| | r{number} | {code} | {fr} | {ar} |" for code, (fr, ar) in named]
    settings = ["| settings |", "| | form_title | form_id | version |", "| | T | t | 1 |"]
    return "\n".join([*survey, *choices, *settings, ""]).encode()


def _told(content: bytes, key: str) -> list[str]:
    answers = {f"q{number}": code for number, code in enumerate(key, 1)}
    findings = lint(content, "t.md", media={}, key=answers)
    return [finding.message.partition(";")[0] for finding in findings if finding.rule == "FORM050"]


def _alike(n_items: int, n_choices: int) -> list[list[tuple[str, str]]]:
    """Items whose choices are all as long as each other."""
    return [[(f"{at}{'bcdefgh'[k]}", f"{at}{'bcdefgh'[k]}") for k in range(n_choices)] for at in range(n_items)]


def test_the_old_test_is_found_out_in_both_languages() -> None:
    assert _told(_form([list(item) for item in OLD]), KEY) == [
        "the longest choice finds 9 of 9 right answers in fr",  # of one, two choices are as long
        "the longest choice finds 9 of 9 right answers in ar",
    ]


def test_the_missions_own_test_gives_nothing_away() -> None:
    """Neither to the rules of lint nor to half of any of them: at most five of ten, in each language, ties counted as found."""
    workspace = Workspace(REPO, REPO / ".kobo_sync", REPO / "exports" / "out")
    form = read_form((REPO / "forms" / "test.xlsx").read_bytes(), "test.xlsx")
    items = workspace.config({}).forms["test"].items
    answers = {name: item.answer for name, item in items.items()}
    assert [f for f in lint((REPO / "forms" / "test.xlsx").read_bytes(), "test.xlsx", media={}, key=answers) if f.rule == "FORM050"] == []  # fmt: skip
    letters = [answers[name] for name in sorted(answers)]
    assert max(letters.count(letter) for letter in "abcd") <= 3 and min(letters.count(letter) for letter in "abcd") >= 2
    for language in ("fr", "ar"):
        found = {"longest": 0, "shortest": 0, "wordiest": 0}
        for name, right in answers.items():
            question = form.question(name)
            assert question is not None
            assert question.parameters == "randomize=true seed=${graine}"
            texts = {c.name: c.labels[language] for c in form.choices[question.list_name] if c.name != "nsp"}
            sizes, words = {c: len(t) for c, t in texts.items()}, {c: len(t.split()) for c, t in texts.items()}
            assert max(sizes.values()) <= 1.35 * min(sizes.values()), (name, language)
            found["longest"] += sizes[right] == max(sizes.values())
            found["shortest"] += sizes[right] == min(sizes.values())
            found["wordiest"] += words[right] == max(words.values())
        assert all(n <= 5 for n in found.values()), (language, found)


def test_the_one_choice_in_several_parts_is_told() -> None:
    """Choices as long as each other, the right one alone with a comma; a comma in a wrong one too gives nothing away (part 8, B27)."""
    places = "cadb"

    def form(comma_in_wrong: str) -> bytes:
        items = []
        for letter in places:
            texts = [f"ab{comma_in_wrong if k == 0 else ' '}cd ef" for k in range(3)]
            texts.insert("abcd".index(letter), "ab, cd ef"[:8])
            items.append([(text, text.replace(",", "،")) for text in texts])
        return _form(items)

    assert _told(form(" "), places) == [
        "the choice with the most commas finds 4 of 4 right answers in fr",
        "the choice with the most commas finds 4 of 4 right answers in ar",
    ]
    assert _told(form(","), places) == []


@pytest.mark.parametrize(
    ("n_items", "n_choices", "key", "told"),
    [
        (10, 4, "bbbbbbacda", ["always choice 2 finds 6 of 10 right answers"]),
        (10, 4, "bbbbbacdac", []),  # five of ten is chance
        (10, 4, "bcadacbdba", []),
        (10, 4, "acdacdacda", ["the place of the item 3 before finds 7 of 7 right answers"]),
        (12, 4, "abcdabcdabcd", ["the place after that of the last item finds 11 of 11 right answers"]),
        (5, 4, "ccccb", ["always choice 3 finds 4 of 5 right answers"]),
        (4, 4, "ddda", []),
        (3, 4, "aaa", []),  # too few to tell
        (6, 2, "aaaaab", []),
        (10, 2, "aaaaaaaaab", ["always choice 1 finds 9 of 10 right answers"]),
    ],
)
def test_places_are_judged_by_chance(n_items: int, n_choices: int, key: str, told: list[str]) -> None:
    assert _told(_form(_alike(n_items, n_choices)), key) == told


def test_the_shortest_and_the_middle_number_are_told() -> None:
    """The right one, called *right* here, stands in another place in each item."""
    places = "cadbbd"

    def form(right: str, others: tuple[str, ...]) -> bytes:
        items = []
        for at, letter in enumerate(places):
            texts = [f"{text}{at}" for text in others]
            texts.insert("abcd".index(letter), f"{right}{at}")
            items.append([(text, text) for text in texts])
        return _form(items, idle=False)

    assert _told(form("non", ("peut-être", "jamais", "toujours")), places)[0] == (
        "the shortest choice finds 6 of 6 right answers in fr"
    )
    five = ("1", "2", "8", "9")
    assert _told(form("5", five), places)[0] == "the middle number finds 6 of 6 right answers in fr"
    assert _told(form("9", ("1", "2", "5", "8")), places) == []


def test_one_list_for_all_items_is_judged_by_place_alone() -> None:
    """True and false: the longer word is no rule of its own, and « Je ne sais pas » is no choice."""
    survey = "| survey |\n| | type | name | label |\n" + "".join(
        f"| | select_one vf | q{n} | Q |\n" for n in range(1, 11)
    )
    choices = "| choices |\n| | list_name | name | label |\n| | vf | v | Vrai |\n| | vf | f | Faux, absolument |\n| | vf | nsp | ? |\n"
    form = f"{survey}{choices}| settings |\n| | form_title | form_id | version |\n| | T | t | 1 |\n".encode()
    assert _told(form, "ffffffffff") == ["always choice 2 finds 10 of 10 right answers"]
    assert _told(form, "ffvfvvfvfv") == []


def test_lint_reads_the_key_of_each_form_of_a_mission(tmp_path: Path) -> None:
    """Two tests in one mission: each is judged by its own key; a form without one by none."""
    from kobo_sync.steps.lint import judge

    content = _form([list(item) for item in OLD])
    answers = {f"q{number}": code for number, code in enumerate(KEY, 1)}
    told = judge(content, "t.md", {}, tmp_path, validate=False, key=answers)
    assert {finding.rule for finding in told.findings} >= {"FORM050"}
    without = judge(content, "t.md", {}, tmp_path, validate=False)
    assert not without.cached and "FORM050" not in {finding.rule for finding in without.findings}
    assert judge(content, "t.md", {}, tmp_path, validate=False, key=answers).cached
