"""A paper questionnaire as a Word file, for those who want to change it before they print it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docx.document import Document as WordDocument
from docx.oxml.ns import qn
from docx.shared import Cm

from kobo_sync.documents.pdf.pages import Logo
from kobo_sync.documents.pdf.questionnaire import HOUSE, footer
from kobo_sync.documents.script import reads_left_to_right
from kobo_sync.documents.word import writer
from kobo_sync.documents.word.wordml import (
    INK,
    MUTED,
    PALE,
    RULE,
    mirror_section,
    mirror_table,
    paragraph,
    parsed,
    right_to_left,
    runs,
    space,
    sub,
    twips,
    write,
    write_field,
)
from kobo_sync.forms.paper_blocks import Answer, Ask, Grid, Heading, Matrix, Paper, Text
from kobo_sync.forms.paper_tables import column_widths, row_height_cm
from kobo_sync.language import typography

_MARKS = {"one": "◯", "many": "☐", "rank": "[   ]"}
_DOTS, _CONDITION, _STAR = "…", "9A4B00", "B00020"
_WIDTH_CM, _SIDE_CM = 17.6, 1.7
_AMIRI_LINE_PT = 17  # its own line is 1.7 times as high as the letters ask for


def questionnaire_docx(
    paper: Paper, *, subtitle: str = "", author: str = "", colour: str = HOUSE, logos: Sequence[Logo] = ()
) -> bytes:
    """The questionnaire as a .docx, *logos* at its top; the same paper gives the same bytes."""
    page = _Page(paper, subtitle, author, logos)
    for block in paper.blocks:
        if isinstance(block, Heading):
            page.heading(block)
        elif isinstance(block, Text):
            page.condition(block.condition)
            page.line(block.text, indent_cm=0.3, after=4)
        elif isinstance(block, Ask):
            page.ask(block)
        elif isinstance(block, Matrix):
            page.matrix(block)
        else:
            page.grid(block)
    return writer.coloured(writer.to_bytes(page.document, None), colour)


class _Page:
    """The Word file being written, in the direction of its language."""

    def __init__(self, paper: Paper, subtitle: str, author: str, logos: Sequence[Logo]) -> None:
        self.paper, self.words, self.rtl = paper, paper.words, paper.right_to_left
        self.document: WordDocument = writer.new_document(
            paper.title, provenance=footer(paper), author=author, subject=subtitle
        )
        section = self.document.sections[0]
        section.left_margin = section.right_margin = Cm(_SIDE_CM)
        section.top_margin = section.bottom_margin = Cm(1.4)
        self._dress_edges()
        if logos:
            pictures = [writer.Picture(content, alt, height_cm=1.3) for alt, content in logos]
            writer.logos(self.document, pictures, rtl=self.rtl)
        self.line(paper.title, style="Title", size=18)
        if subtitle:
            self.line(subtitle, style="Subtitle")
        self.line(self.words["how"], size=8.5, color=MUTED, after=8)

    def heading(self, block: Heading) -> None:
        """A group's title with its condition; a break where it has no text."""
        size, before = (13, 6) if block.level == 1 else (11, 5)  # a paper to fill in, not a report to read
        self.line(block.text or " ", style=f"Heading {min(block.level, 2)}", size=size, before=before, after=2)
        self.condition(block.condition)
        if block.note:
            self.line(block.note, size=8.5, color=MUTED, keep=True)

    def condition(self, text: str) -> None:
        """When to answer what follows."""
        if text:
            arrow = "←" if self.rtl else "→"
            self.line(f"{arrow} {text}", size=9, bold=True, color=_CONDITION, keep=True, after=1)

    def ask(self, ask: Ask) -> None:
        """A numbered question and the place for its answer."""
        self.condition(ask.condition)
        block = self.line(f"{ask.number}.  ", bold=True, color=INK, keep=True, after=1)
        self.write(block, ask.label, bold=True)
        if ask.required:
            self.write(block, " *", bold=True, color=_STAR)
        hints = " ".join(filter(None, (ask.hint, self.instruction(ask.answer))))
        if hints:
            self.line(hints, size=8.5, italic=not self.rtl, color=MUTED, keep=True, after=1, indent_cm=0.6)
        self.answer(ask.answer)
        if ask.rule:
            self.line(f"• {ask.rule}", size=8, color=MUTED, after=4, indent_cm=0.6)

    def instruction(self, answer: Answer) -> str:
        """How several options are ticked, or ranked."""
        if answer.kind == "rank":
            return self.words["rank"].format(n=len(answer.options))
        return self.words["many"] if answer.kind == "many" else ""

    def answer(self, answer: Answer) -> None:
        """Boxes, lines or a frame."""
        words, kind = self.words, answer.kind
        if kind in _MARKS:
            self.options(answer)
        elif kind in ("signature", "drawing"):
            self.frame(words[kind], 2.6 if kind == "signature" else 7.0)
        elif kind == "lines":
            for _ in range(answer.lines):
                self.dots()
        else:
            self.line(self.blank(answer), after=4, indent_cm=0.6)

    def dots(self) -> None:
        """A dotted line over the width of the page, whatever the font."""
        stop = f'<w:tab w:val="right" w:leader="dot" w:pos="{twips(_WIDTH_CM)}"/>'
        self.line("\t", color=MUTED, after=5, indent_cm=0.6, tabs=stop)

    def blank(self, answer: Answer) -> str:
        """A short place to write in, as one line of text."""
        words, kind, dots = self.words, answer.kind, _DOTS * 8
        when = f"{_DOTS * 4} / {_DOTS * 4} / {_DOTS * 6}  ({words['day']} / {words['month']} / {words['year']})"
        if kind in ("date", "time", "date_time"):
            hour = f"{_DOTS * 4} {words['hour']} {_DOTS * 4}"
            return {"date": when, "time": hour, "date_time": f"{when}    {hour}"}[kind]
        if kind == "place":
            return f"{words['latitude']} {dots}    {words['longitude']} {dots}"
        if kind in ("photo", "file"):
            return f"{words[kind]} {dots}"
        return f"☐ {words['read']}" if kind == "tick" else f"[ {_DOTS * 12} ]  {answer.unit}"

    def options(self, answer: Answer) -> None:
        """The options with their marks: on one line, or in columns."""
        marked = [f"{_MARKS[answer.kind]} {option}" for option in answer.options]
        if answer.columns == len(marked) or answer.columns == 1:
            lines = ["      ".join(marked)] if answer.columns > 1 else marked
            for number, text in enumerate(lines, 1):
                last = number == len(lines)
                self.line(text, after=4 if last else 1, indent_cm=0.6, keep=not last)
            return
        rows = [marked[at : at + answer.columns] for at in range(0, len(marked), answer.columns)]
        widths = [_WIDTH_CM / answer.columns] * answer.columns
        self.table([[*row, *[""] * (answer.columns - len(row))] for row in rows], widths, borders=False)

    def matrix(self, matrix: Matrix) -> None:
        """Questions over one list as a table of circles."""
        self.condition(matrix.condition)
        width = 0.9 if len(matrix.options) > 6 else 2.0
        widths = [0.9, _WIDTH_CM - 0.9 - width * len(matrix.options), *[width] * len(matrix.options)]
        rows = [
            [ask.number, ask.label + (" *" if ask.required else ""), *["◯"] * len(matrix.options)]
            for ask in matrix.rows
        ]
        self.table([["", "", *matrix.options], *rows], widths, header=True, centred_from=2)

    def grid(self, grid: Grid) -> None:
        """The same questions of many things as a table, its rows blank or with the things' names."""
        self.condition(grid.condition)
        for note in grid.notes:
            self.line(note, size=8, color=MUTED, keep=True, after=1)
        arrow = "←" if self.rtl else "→"
        head = [
            f"{f'{ask.number}. ' if ask.number else ''}{ask.label}{' *' if ask.required else ''}"
            f"{f' {arrow} {ask.condition}' if ask.condition else ''}"
            for ask in grid.columns
        ]
        marks = [
            " ".join(f"{_MARKS[ask.answer.kind]}\u00a0{option}" for option in ask.answer.options)
            if ask.answer.kind in _MARKS
            else ("☐" if ask.answer.kind == "tick" else "")
            for ask in grid.columns
        ]
        shares = column_widths(grid)
        widths = [_WIDTH_CM * share / sum(shares) for share in shares]
        rows = [[name, *marks] for name in grid.rows] or [marks] * grid.n_rows
        heads = ["", *head] if grid.rows else head
        self.table([heads, *rows], widths, header=True, row_cm=row_height_cm(grid), size=8)

    def frame(self, text: str, height_cm: float) -> None:
        """An empty frame with a word in its corner."""
        self.table([[text]], [_WIDTH_CM if self.rtl or height_cm > 5 else 8.0], row_cm=height_cm, top=True, size=8)

    # ── Word's own ──

    def line(
        self,
        text: str,
        *,
        style: str = "Normal",
        size: float = 0,
        bold: bool = False,
        italic: bool = False,
        color: str = "",
        keep: bool = False,
        before: float | None = None,
        after: float | None = None,
        indent_cm: float = 0,
        tabs: str = "",
    ) -> Any:
        """A new paragraph; returns its element."""
        # Amiri's own line is too high; in a paragraph that runs right to left, Word's "left" is the start.
        rtl = self.rtl and not reads_left_to_right(text)
        height = (14 if 0 < size < 9.5 else _AMIRI_LINE_PT if style == "Normal" else 1.5 * size) if rtl else 0
        paragraph = writer.add(
            self.document,
            self.runs(text, size=size, bold=bold, italic=italic, color=color),
            style,
            keep_next=keep,
            keep_lines=True,
            tabs=tabs,
            rtl=rtl,
            align="right" if self.rtl and not rtl else "",
            spacing=space(before=before, after=after, line=height),
            indent_cm=indent_cm,
        )
        return paragraph

    def runs(self, text: str, **look: Any) -> str:
        """Text as runs; on a page that runs right to left, marks and spaces run with it."""
        return runs(typography.spaced(text) if self.paper.language == "fr" else text, rtl=self.rtl, **look)

    def write(self, block: Any, text: str, **look: Any) -> None:
        """`runs` in the paragraph *block*."""
        block.extend(parsed(self.runs(text, **look)))

    def table(
        self,
        rows: Sequence[Sequence[str]],
        widths: Sequence[float],
        *,
        header: bool = False,
        borders: bool = True,
        centred_from: int = 99,
        row_cm: float = 0,
        top: bool = False,
        size: float = 9.5,
    ) -> None:
        """A table in the page's direction, its first row repeated when it is a *header*."""
        table = self.document.add_table(rows=0, cols=len(widths))
        table.autofit = False
        properties = table._tbl.tblPr
        if self.rtl:
            mirror_table(properties)
        if borders:
            frame = properties.makeelement(qn("w:tblBorders"))
            for side in ("top", "left", "bottom", "right", "insideH", "insideV"):
                sub(frame, side, val="single", sz="4", space="0", color=RULE)
            properties.insert_element_before(frame, "w:shd", "w:tblLayout", "w:tblCellMar", "w:tblLook")
        for grid_column, width in zip(table._tbl.tblGrid.findall(qn("w:gridCol")), widths, strict=True):
            grid_column.set(qn("w:w"), str(twips(width)))
        lines = []
        for number, cells in enumerate(rows):
            is_head = header and number == 0
            height = f'<w:trHeight w:val="{twips(row_cm)}" w:hRule="atLeast"/>' if row_cm and not is_head else ""
            shells = []
            for index, (text, width) in enumerate(zip(cells, widths, strict=True)):
                inner = self.runs(text, size=size, bold=is_head, color=INK if index == 0 and header else "")
                block = paragraph(
                    inner,
                    rtl=self.rtl,
                    spacing=space(before=1, after=1, line=1.55 * size if self.rtl else 0),
                    align="center" if index >= centred_from else "",
                )
                shells.append(writer.shell(block, width, PALE if is_head else "", align="top" if top else "center"))
            looks = f"<w:cantSplit/>{height}{'<w:tblHeader/>' if is_head else ''}"
            lines.append(f"<w:tr><w:trPr>{looks}</w:trPr>{''.join(shells)}</w:tr>")
        table._tbl.extend(parsed("".join(lines)))
        writer.add(self.document, "", writer.AFTER_TABLE)

    def _dress_edges(self) -> None:
        """Header and footer in the language of the page, where that is not French; a line of foreign words as it reads."""
        section = self.document.sections[0]
        if self.rtl:
            mirror_section(section._sectPr)
            if not reads_left_to_right(self.paper.title):
                right_to_left(section.header.paragraphs[0]._p)
        if self.paper.language == "fr":
            return
        foot = section.footer.paragraphs[0]._p
        for run in foot.findall(qn("w:r")):
            foot.remove(run)
        if self.rtl:
            right_to_left(foot)
        write(foot, footer(self.paper), size=8, color=MUTED)
        self.write(foot, f"\t{self.words['page']}\u00a0", size=8, color=MUTED)
        write_field(foot, "PAGE")
        self.write(foot, "\u202f/\u202f", size=8, color=MUTED)
        write_field(foot, "NUMPAGES")
