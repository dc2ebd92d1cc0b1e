"""The paper questionnaire: what is printed, in which words, and the same bytes each time."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from pypdfium2 import PdfDocument

from kobo_sync.documents.pdf.questionnaire import questionnaire_pdf
from kobo_sync.documents.word.questionnaire import questionnaire_docx
from kobo_sync.forms.paper import paper, plain
from kobo_sync.forms.paper_blocks import Ask, Block, Grid, Heading, Matrix, Paper, Text
from kobo_sync.forms.sheets import read_book
from kobo_sync.forms.wording import mission_line
from kobo_sync.forms.xlsform import form_of
from kobo_sync.model import Choice
from kobo_sync.steps import libreoffice
from kobo_sync.workspace.folders import Workspace

REPO = Path(__file__).parents[2]

FORM = """
| survey |                                |            |                       |                |             |                    |                 |            |              |              |              |
|        | type                           | name       | label::Français (fr)  | label::ar (ar) | hint::fr (fr) | relevant         | constraint      | constraint_message::Français (fr) | required | appearance | parameters | calculation |
|        | start                          | start      |                       |                |             |                    |                 |            |              |              |              |              |
|        | begin_group                    | accueil    | Accueil               | استقبال        |             |                    |                 |            |              |              |              |              |
|        | select_one oui_non             | accord     | **D’accord** ?        | موافق؟         | Lisez       |                    |                 |            | yes          |              |              |              |
|        | end_group                      |            |                       |                |             |                    |                 |            |              |              |              |              |
|        | begin_group                    | suite      | Suite                 | تتمة           |             | ${accord} = 'oui'  |                 |            |              |              |              |              |
|        | select_one_from_file zones.csv | zone       | Zone                  | المنطقة        |             |                    |                 |            |              |              |              |              |
|        | select_one_from_file gens.csv  | personne   | Personne              | الشخص          |             |                    |                 |            |              |              |              |              |
|        | integer                        | age        | Âge                   | السن           |             |                    | . < 120         | Moins de 120 |            |              |              |              |
|        | calculate                      | double     |                       |                |             |                    |                 |            |              |              |              | ${age} * 2   |
|        | note                           | n1         | Le double : ${double} | الضعف          |             |                    |                 |            |              |              |              |              |
|        | note                           | n2         | Merci.                | شكرا           |             |                    |                 |            |              |              |              |              |
|        | select_one accord_3            | a          | Clair                 | واضح           |             |                    |                 |            |              | likert       |              |              |
|        | select_one accord_3            | b          | Utile                 | مفيد           |             |                    |                 |            |              | likert       |              |              |
|        | rank ordre                     | r          | Classez               | رتّب           |             |                    |                 |            |              |              |              |              |
|        | range                          | note10     | Note                  | نقطة           |             |                    |                 |            |              |              | start=0 end=10 step=1 |     |
|        | image                          | sig        | Signez                | وقّع           |             |                    |                 |            |              | signature    |              |              |
|        | text                           | avis       | Avis sur ${age} ?     | رأي            |             | false()            |                 |            |              | multiline    |              |              |
|        | end_group                      |            |                       |                |             |                    |                 |            |              |              |              |              |
|        | begin_repeat                   | membre     | Membre                | عضو            |             |                    |                 |            |              |              |              |              |
|        | text                           | prenom     | Prénom                | الاسم          |             |                    |                 |            |              |              |              |              |
|        | integer                        | annees     | Années                | السنوات        |             |                    |                 |            |              |              |              |              |
|        | end_repeat                     |            |                       |                |             |                    |                 |            |              |              |              |              |
|        | begin_repeat                   | action     | Action                | عمل            |             |                    |                 |            |              |              |              |              |
|        | text                           | quoi       | Quoi ?                | ماذا؟          |             |                    |                 |            |              | multiline    |              |              |
|        | select_one oui_non             | fait       | Fait ?                | تم؟            |             | ${quoi} != ''      |                 |            |              |              |              |              |
|        | end_repeat                     |            |                       |                |             |                    |                 |            |              |              |              |              |
| choices |
|        | list_name | name | label::Français (fr) | label::ar (ar) |
|        | oui_non   | oui  | Oui                  | نعم            |
|        | oui_non   | non  | Non                  | لا             |
|        | accord_3  | 1    | Non                  | لا             |
|        | accord_3  | 2    | Un peu               | قليلا          |
|        | accord_3  | 3    | Oui                  | نعم            |
|        | ordre     | x    | Eau                  | ماء            |
|        | ordre     | y    | Route                | طريق           |
| settings |
|        | form_title | form_id | version | default_language |
|        | Essai      | essai   | 7       | Français (fr)    |
"""
LISTS = {"zones.csv": (Choice("nord", {"fr": "Nord", "ar": "الشمال"}), Choice("sud", {"fr": "Sud", "ar": "الجنوب"}))}


def _paper(text: str = FORM, language: str = "fr", copies: int = 3) -> Paper:
    content = text.encode()
    book = read_book(content, "essai.md")
    return paper(form_of(book, content, "essai.md"), book, language, LISTS, copies)


def _ask(made: Paper, name: str) -> Ask:
    return next(block for block in made.blocks if isinstance(block, Ask) and block.name == name)


def _of(made: Paper, kind: type[Block]) -> list[Block]:
    return [block for block in made.blocks if isinstance(block, kind)]


def test_questions_are_numbered_and_say_what_they_want() -> None:
    made = _paper()
    accord, age = _ask(made, "accord"), _ask(made, "age")
    assert (accord.number, accord.label, accord.hint, accord.required) == ("1", "D’accord ?", "Lisez", True)
    assert accord.answer.kind == "one" and accord.answer.options == ("Oui", "Non")
    assert age.rule == "Moins de 120" and age.answer.kind == "box"
    assert _ask(made, "sig").answer.kind == "signature"
    assert len(_ask(made, "note10").answer.options) == 11
    assert _ask(made, "r").answer.kind == "rank"


def test_conditions_use_numbers_and_labels() -> None:
    suite = next(block for block in _paper().blocks if isinstance(block, Heading) and block.text == "Suite")
    assert suite.condition == "si question 1 = « Oui »"


def test_lists_from_files_are_printed_when_known() -> None:
    made = _paper(language="ar")
    assert _ask(made, "zone").answer.options == ("الشمال", "الجنوب") and made.right_to_left
    assert _ask(made, "personne").answer.kind == "lines"


def test_what_only_a_phone_knows_stays_out() -> None:
    made = _paper()
    assert [block.text for block in _of(made, Text) if isinstance(block, Text)] == ["Merci."]
    assert not [
        block for block in _of(made, Ask) if isinstance(block, Ask) and block.name in ("double", "avis", "start")
    ]


def test_like_questions_share_a_table() -> None:
    (matrix,) = _of(_paper(), Matrix)
    assert isinstance(matrix, Matrix)
    assert matrix.options == ("Non", "Un peu", "Oui") and [row.name for row in matrix.rows] == ["a", "b"]


def test_repeats_are_a_table_or_blank_copies() -> None:
    made = _paper(copies=2)
    (grid,) = _of(made, Grid)
    assert isinstance(grid, Grid)
    assert [column.label for column in grid.columns] == ["Prénom", "Années"] and grid.n_rows == 8
    titles = [block.text for block in made.blocks if isinstance(block, Heading) and block.level == 1]
    assert titles[-2:] == ["Action – 1/2", "Action – 2/2"]
    assert _ask(made, "quoi").answer.lines == 3


def test_a_repeat_over_a_list_is_printed_item_by_item() -> None:
    text = """
| survey |              |        |                   |                |              |
|        | type         | name   | label             | calculation    | repeat_count |
|        | csv-external | zones  |                   |                |              |
|        | begin_repeat | visite | Visite            |                | count(instance('zones')/root/item) |
|        | calculate    | rang   |                   | position(..)   |              |
|        | calculate    | nom    |                   | instance('zones')/root/item[ordre = ${rang}]/label | |
|        | note         | titre  | ${rang}. ${nom}   |                |              |
|        | text         | avis   | Avis sur ${nom} ? |                |              |
|        | end_repeat   |        |                   |                |              |
"""
    content = text.encode()
    book = read_book(content, "v.md")
    lists = {
        "zones.csv": (Choice("n", {"": "Nord"}, {"ordre": "1"}), Choice("s", {"": "Sud"}, {"ordre": "2"})),
    }
    made = paper(form_of(book, content, "v.md"), book, "", lists)
    assert [block.text for block in made.blocks if isinstance(block, Text)] == ["1. Nord", "2. Sud"]
    assert [block.label for block in made.blocks if isinstance(block, Ask)] == ["Avis sur Nord ?", "Avis sur Sud ?"]


def test_documents_are_the_same_each_time_and_run_right_to_left() -> None:
    for language in ("fr", "ar"):
        made = _paper(language=language)
        assert questionnaire_docx(made) == questionnaire_docx(made)
        sheet = questionnaire_pdf(made)
        assert sheet == questionnaire_pdf(made) and sheet.startswith(b"%PDF")
    with zipfile.ZipFile(io.BytesIO(questionnaire_docx(_paper(language="ar")))) as archive:
        body, foot = archive.read("word/document.xml").decode(), archive.read("word/footer1.xml").decode()
    assert "<w:bidiVisual/>" in body and body.count("<w:bidi/>") > 30 and "صفحة" in foot


def test_one_name_in_two_groups_keeps_two_numbers() -> None:
    made = _paper(
        "| survey |\n| | type | name | label |\n| | begin_group | a | A |\n| | text | nom | Un |\n| | end_group | | |\n"
        "| | begin_group | b | B |\n| | text | nom | Deux |\n| | note | n | Voir ${nom} |\n| | end_group | | |\n"
    )
    assert [block.number for block in made.blocks if isinstance(block, Ask)] == ["1", "2"]
    assert [block.text for block in made.blocks if isinstance(block, Text)] == ["Voir [question 1]"]


def test_labels_lose_their_marks_and_keep_their_thousands_together() -> None:
    assert plain("# **20 000** *élèves* <span style='x'>ici</span>, a*b*c") == "20\u202f000 élèves ici, a*b*c"


def test_texts_are_never_markup() -> None:
    odd = _paper(FORM.replace("Utile", "#let x = 1 *a* $b$ <script> `c` \\ @d"))
    assert questionnaire_pdf(odd).startswith(b"%PDF") and questionnaire_docx(odd)


# ── part 8, B28: the same asked of many things, one number per question, titles of the page's language ──

NEEDS = {
    "besoins.csv": tuple(
        Choice(code, {"fr": fr, "ar": ar}, {"order": str(at)})
        for at, (code, fr, ar) in enumerate(
            [("eau", "Eau", "الماء"), ("route", "Route", "الطريق"), ("ecole", "École", "المدرسة")], 1
        )
    )
}
SCALE = "".join(
    f"| | gravite | {n} | {n} – {fr} | {n} – {ar} |\n"
    for n, fr, ar in ((1, "Pas un problème", "ليست مشكلة"), (2, "Assez grave", "متوسطة الخطورة"), (3, "Grave", "خطيرة"))
)


def _made(survey: list[str], lists: dict[str, tuple[Choice, ...]], language: str = "fr", title: str = "") -> Paper:
    head = "| | type | name | label::Français (fr) | label::ar (ar) | relevant | calculation | repeat_count | hint::fr (fr) | appearance | read_only |\n"
    rows = "".join(f"| | {row} |\n" for row in survey)
    choices = f"| choices |\n| | list_name | name | label::Français (fr) | label::ar (ar) |\n{SCALE}| | on | oui | Oui | نعم |\n| | on | non | Non | لا |\n"
    content = (
        f"| survey |\n{head}{rows}{choices}| settings |\n| | form_title | form_id |\n| | Essai | essai |\n".encode()
    )
    book = read_book(content, "e.md")
    return paper(form_of(book, content, "e.md"), book, language, lists, title=title)


REPEAT = [
    "select_one on | choisi | Choisi ? | مختار؟",
    "begin_repeat | avis | Avis | رأي | | | count(instance('besoins')/root/item)",
    "calculate | rang | | | | position(..)",
    "calculate | besoin | | | | instance('besoins')/root/item[order = ${rang}]/name",
    "calculate | nom | | | | instance('besoins')/root/item[order = ${rang}]/label",
    "begin_group | details | | | selected(${choisi}, ${besoin})",
    "note | n | **${nom}** | **${nom}**",
    "select_one gravite | g | Quelle gravité ? | ما الخطورة؟",
    "integer | m | Combien ? | كم؟ | | | | Une estimation suffit.",
    "text | p | Proposition | اقتراح | | | | | multiline",
    "end_group |",
    "end_repeat |",
]


def test_a_repeat_over_a_list_is_one_table() -> None:
    made = _made(REPEAT, NEEDS)
    (grid,) = _of(made, Grid)
    assert isinstance(grid, Grid)
    assert grid.rows == ("Eau", "Route", "École") and [ask.number for ask in grid.columns] == ["2", "3", "4"]
    assert grid.columns[0].answer.options == ("1", "2", "3")
    assert grid.condition == "si question 1 comprend cette ligne"
    assert grid.notes == (
        "2. Quelle gravité ? – 1 – Pas un problème · 2 – Assez grave · 3 – Grave",
        "3. Combien ? – Une estimation suffit.",
    )
    arabic = next(block for block in _made(REPEAT, NEEDS, "ar").blocks if isinstance(block, Grid))
    assert arabic.rows == ("الماء", "الطريق", "المدرسة") and "هذا السطر" in arabic.condition


def test_groups_of_one_shape_are_one_table() -> None:
    groups = [
        row
        for code, fr in (("eau", "Eau"), ("route", "Route"), ("ecole", "École"))
        for row in (
            f"begin_group | g_{code} | {fr} | {fr}",
            f"select_one gravite | {code}_g | Gravité | الخطورة",
            f"integer | {code}_m | Ménages | الأسر | ${{{code}_g}} != ''",
            "end_group |",
        )
    ]
    (grid,) = _of(_made(groups, {}), Grid)
    assert isinstance(grid, Grid)
    assert grid.rows == ("1–2. Eau", "3–4. Route", "5–6. École")
    assert [ask.number for ask in grid.columns] == ["", ""]
    assert grid.columns[1].condition == "si colonne « Gravité » est remplie"
    assert not _of(_made(groups[:8], {}), Grid), "two groups are asked one after the other"
    other = [*groups[:9], "select_one gravite | ecole_g | Gravité à l’école | الخطورة", *groups[10:]]
    assert not _of(_made(other, {}), Grid), "other words are another question"


def test_a_question_has_one_number() -> None:
    """The author's where three or more have one; the others are called by letters, and conditions use both."""
    form = [
        "select_one on | zone | Zone ? | منطقة؟",
        "text | q1 | 1. Nom | 1. الاسم",
        "text | q3 | 3) Âge | 3) السن",
        "text | q4 | 4. Métier | 4. المهنة | ${q3} != ''",
    ]
    made = _made(form, {})
    asks = [block for block in made.blocks if isinstance(block, Ask)]
    assert [(ask.number, ask.label) for ask in asks] == [("A", "Zone ?"), ("1", "Nom"), ("3", "Âge"), ("4", "Métier")]
    assert asks[-1].condition == "si question 3 est remplie"
    assert next(b.number for b in _made(form, {}, "ar").blocks if isinstance(b, Ask)) == "أ"
    twice = ["text | a | 1. Un | 1. واحد", "text | b | 2. Deux | 2. اثنان", "text | c | 1. Trois | 1. ثلاثة"]
    counted = [block for block in _made(twice, {}).blocks if isinstance(block, Ask)]
    assert [(ask.number, ask.label) for ask in counted] == [("1", "Un"), ("2", "Deux"), ("3", "Trois")]
    assert _made(["integer | a | 10 personnes ou plus ? | 10"], {}).blocks[0] == Ask(
        "1", "a", "10 personnes ou plus ?", _ask(_made(["integer | a | A | A"], {}), "a").answer
    )


def test_what_a_phone_looks_up_is_no_condition_on_paper() -> None:
    form = [
        "select_one on | mode | Présent ? | حاضر؟",
        "calculate | deja | | | | instance('gens')/root/item[name = ${mode}]/accord",
        "select_one on | accord | Acceptez-vous ? | هل تقبل؟ | ${mode} = 'oui' and ${deja} != 'oui'",
        "select_one on | consent | Accord | الموافقة | | if(${deja} = 'oui', 'oui', ${accord}) | | | | yes",
        "text | nom | Nom | الاسم | ${consent} = 'oui'",
    ]
    made = _made(form, {})
    asks = [block for block in made.blocks if isinstance(block, Ask)]
    assert [(ask.name, ask.condition) for ask in asks] == [
        ("mode", ""),
        ("accord", "si question 1 = « Oui »"),
        ("nom", "si « Accord » = « Oui »"),
    ]


def test_a_page_that_runs_right_to_left_has_its_own_title_and_turns_no_foreign_quotes() -> None:
    made = _made(REPEAT, NEEDS, "ar", "استمارة «تجريبية»")
    assert made.title == "استمارة «تجريبية»"
    with zipfile.ZipFile(io.BytesIO(questionnaire_docx(made, subtitle="« Ensemble, Avançons »"))) as archive:
        body = archive.read("word/document.xml").decode()
    title, subtitle = (next(p for p in body.split("<w:p>") if word in p) for word in ("تجريبية", "Avançons"))
    assert "<w:bidi/>" in title and "<w:bidi/>" not in subtitle and '<w:jc w:val="right"/>' in subtitle
    assert questionnaire_pdf(made, subtitle="« Ensemble, Avançons »").startswith(b"%PDF")


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_the_needs_of_the_mission_are_two_pages(language: str) -> None:
    """They were nine and eleven; counted in the PDF, and in what LibreOffice makes of the Word file where it is there."""
    workspace = Workspace(REPO, REPO / ".kobo_sync", REPO / "exports" / "out")
    config = workspace.config({})
    content = workspace.form_bytes("besoins.xlsx")
    book = read_book(content, "besoins.xlsx")
    form = form_of(book, content, "besoins.xlsx")
    made = paper(
        form, book, language, dict(workspace.catalogues(config)), title=config.forms["besoins"].titles.get(language, "")
    )
    subtitle = mission_line(config.mission, language)
    document = PdfDocument(questionnaire_pdf(made, subtitle=subtitle))
    assert len(document) == 2
    document.close()
    if libreoffice.installed():
        word = questionnaire_docx(made, subtitle=subtitle)
        printed = PdfDocument(libreoffice.pdfs({"n": word})["n"])
        assert len(printed) == 2
        printed.close()
