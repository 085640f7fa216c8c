"""History files of every kind: what can be read, what costs a row, what refuses the file (G2)."""

import gzip
import json
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.cli.history_files import HistoryFiles, Survey
from services.cli.history_records import FileIsUnreadable
from services.opportunities.domain.history_cells import HistoryRow, RowProblem
from services.opportunities.domain.history_mapping import ColumnIsAbsent
from tests.domain.history_example import HEADER, LATEST, mapping

T0, T1, T2 = "2025-03-03T01:00:00Z", "2025-03-03T02:00:00Z", "2025-03-03T03:00:00Z"
HEAD = ",".join(HEADER) + "\n"


def line(case: str, what: str, when: str) -> str:
    return f"{case},{what},COMPLETE,7,{when},100,,\n"


def read(*paths: Path, until: str | None = None, **changes: Any) -> list[HistoryRow | RowProblem]:
    return surveyed(*paths, until=until, **changes)[1]


def surveyed(
    *paths: Path, until: str | None = None, **changes: Any
) -> tuple[Survey, list[HistoryRow | RowProblem]]:
    files = HistoryFiles(
        paths,
        mapping(**changes),
        latest=LATEST,
        until=datetime.fromisoformat(until) if until else None,
    )
    survey = files.survey()
    return survey, list(files.rows(survey))


def log(folder: Path, *lines: str, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_text(HEAD + "".join(lines), encoding="utf-8")
    return path


def whats(rows: Iterable[HistoryRow | RowProblem]) -> list[tuple[str, str]]:
    return [(row.case, row.activity) for row in rows if isinstance(row, HistoryRow)]


def problems(rows: Iterable[HistoryRow | RowProblem]) -> list[tuple[int, str]]:
    return [(row.row, row.code) for row in rows if isinstance(row, RowProblem)]


def test_rows_come_with_their_line_in_the_file(tmp_path: Path) -> None:
    survey, rows = surveyed(log(tmp_path, line("1", "LEAD", T0), line("1", "WON", T1)))
    assert [(row.row, row.file) for row in rows] == [(2, "log.csv"), (3, "log.csv")]
    assert survey == Survey(rows=2, in_order=True)


def test_a_packed_file_reads_as_the_plain_one(tmp_path: Path) -> None:
    plain = log(tmp_path, line("1", "LEAD", T0))
    packed = tmp_path / "log.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert whats(read(packed)) == whats(read(plain)) == [("1", "LEAD")]


def test_lines_of_objects_read_as_columns(tmp_path: Path) -> None:
    path = tmp_path / "log.ndjson"
    found = {"case": 1, "what": "LEAD", "phase": None, "who": "7", "when": T0, "sum": 12800.50}
    path.write_text(json.dumps(found | {"offer": True, "why": "", "more": [1]}) + "\n\n")
    (row,) = read(path)
    assert isinstance(row, HistoryRow)
    assert (row.case, row.lifecycle, str(row.amount), row.further) == (
        "1",
        "",
        "12800.5",
        ("true", ""),
    )


def test_a_workbook_reads_as_columns_with_its_own_times(tmp_path: Path) -> None:
    path = tmp_path / "log.xlsx"
    write_workbook(path, [HEADER, ["1", "LEAD", "", 112, 45719.5, 12800.5, "", "太贵"]], dates={4})
    (row,) = read(path)
    assert isinstance(row, HistoryRow)
    assert (row.row, row.actor, str(row.amount), row.further[1]) == (2, "112", "12800.5", "太贵")
    assert row.time == datetime.fromisoformat("2025-03-03T12:00:00+08:00")


def test_a_sheet_is_found_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "log.xlsx"
    write_workbook(path, [HEADER, ["1", "LEAD", "", "", T0, "", "", ""]])
    assert whats(read(path, file={"sheet": "Sheet1"})) == [("1", "LEAD")]
    with pytest.raises(FileIsUnreadable):
        read(path, file={"sheet": "Sheet2"})


def test_several_files_are_one_history(tmp_path: Path) -> None:
    first = log(tmp_path, line("1", "LEAD", T0), name="a.csv")
    second = tmp_path / "b.csv"
    turned = list(reversed(HEADER))
    cells = line("1", "WON", T1).rstrip("\n").split(",")
    second.write_text(",".join(turned) + "\n" + ",".join(reversed(cells)) + "\n")
    assert whats(read(first, second)) == [("1", "LEAD"), ("1", "WON")]


def test_rows_of_a_case_come_by_time_and_equal_times_in_the_files_order(tmp_path: Path) -> None:
    first = log(tmp_path, line("1", "C", T2), line("2", "X", T1), line("1", "B1", T1), name="a.csv")
    second = log(tmp_path, "broken\n", line("1", "B2", T1), line("1", "A", T0), name="b.csv")
    survey, rows = surveyed(first, second)
    assert not survey.in_order
    assert whats(rows) == [("1", "A"), ("1", "B1"), ("1", "B2"), ("1", "C"), ("2", "X")]
    assert problems(rows) == [(2, "wrong-number-of-columns")]


def test_cases_that_only_interleave_are_in_order_and_come_together(tmp_path: Path) -> None:
    survey, rows = surveyed(
        log(
            tmp_path, line("1", "A", T1), line("2", "X", T0), line("1", "B", T2), line("2", "Y", T0)
        )
    )
    assert survey.in_order
    assert whats(rows) == [("1", "A"), ("1", "B"), ("2", "X"), ("2", "Y")]


def test_until_reads_rows_up_to_and_including_it(tmp_path: Path) -> None:
    path = log(tmp_path, line("1", "A", T0), line("1", "B", T1), line("1", "C", T2))
    survey, rows = surveyed(path, until=T1)
    assert whats(rows) == [("1", "A"), ("1", "B")]
    assert survey.rows == 2


def test_a_bad_row_costs_only_itself(tmp_path: Path) -> None:
    path = log(
        tmp_path,
        line("1", "A", T0),
        "1,B,COMPLETE\n",
        line("1", "C", "yesterday"),
        "\n",
        line("", "D", T1),
        line("1", "E", T2),
    )
    rows = read(path)
    assert whats(rows) == [("1", "A"), ("1", "E")]
    assert problems(rows) == [(3, "wrong-number-of-columns"), (4, "not-a-time"), (6, "required")]


def test_a_truncated_last_line_costs_only_itself(tmp_path: Path) -> None:
    rows = read(log(tmp_path, line("1", "A", T0), "1,B,COMP"))
    assert (whats(rows), problems(rows)) == ([("1", "A")], [(3, "wrong-number-of-columns")])


def test_broken_utf_8_costs_only_its_row(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    good, broken = (
        line("1", "电话", T0).encode(),
        line("1", "X", T1).encode().replace(b"X", b"\xff"),
    )
    path.write_bytes(HEAD.encode() + good + broken + good)
    rows = read(path)
    assert whats(rows) == [("1", "电话"), ("1", "电话")]
    assert problems(rows) == [(3, "broken-text")]


def test_quoted_cells_may_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    quoted = f'1,"A, ""b""\nc",COMPLETE,7,{T0},"1,000",,\n'
    rows = read(log(tmp_path, quoted, line("1", "B", T1)))
    assert whats(rows) == [("1", 'A, "b"\nc'), ("1", "B")]
    assert [row.row for row in rows] == [2, 4]


def test_a_quote_inside_a_cell_is_only_a_quote(tmp_path: Path) -> None:
    rows = read(log(tmp_path, line("1", 'pipe 5" long', T0), line("1", '"Acme" Ltd', T1)))
    assert whats(rows) == [("1", 'pipe 5" long'), ("1", "Acme Ltd")]


def test_a_quote_that_never_closes_costs_only_its_row(tmp_path: Path) -> None:
    open_quote = line("1", '"A', T0)
    rows = read(log(tmp_path, open_quote, line("1", "B", T1), line("1", '"C"', T2)))
    assert whats(rows) == [("1", "B"), ("1", "C")]
    assert problems(rows) == [(2, "broken-quotes")]


def test_a_packed_file_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    lines = [line(str(case), "A", T0) for case in range(20_000)]
    packed = gzip.compress((HEAD + "".join(lines)).encode())
    path = tmp_path / "log.csv.gz"
    path.write_bytes(packed[: len(packed) // 2])
    rows = read(path)
    assert 0 < len(whats(rows)) < 20_000
    assert [code for _, code in problems(rows)] == ["file-truncated"]


def test_a_line_that_is_no_object_costs_only_itself(tmp_path: Path) -> None:
    good = json.dumps(dict(zip(HEADER, ["1", "A", "", "", T0, "", "", ""], strict=True))).encode()
    wrong = good.replace(b'"A"', b'{"B": 1}')
    path = tmp_path / "log.jsonl"
    path.write_bytes(
        b"\n".join([good, b"[1]", b"{", b'{"case": "\xff"}', b"[" * 9999, wrong, good])
    )
    rows = read(path)
    assert whats(rows) == [("1", "A"), ("1", "A")]
    assert problems(rows) == [
        (2, "not-json"),
        (3, "not-json"),
        (4, "broken-text"),
        (5, "not-json"),
        (6, "wrong-type"),
    ]


def test_the_file_s_encoding_and_delimiter_are_the_mapping_s(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    text = (HEAD + line("1", "电话沟通", T0)).replace(",", ";")
    path.write_text(text, encoding="gb18030")
    assert whats(read(path, file={"encoding": "gb18030", "delimiter": ";"})) == [("1", "电话沟通")]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEAD + line("1", "A", T0), encoding="utf-8-sig")
    assert whats(read(path)) == [("1", "A")]


def test_a_mapping_that_names_an_absent_column_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("case,what,when\n1,A," + T0 + "\n")
    with pytest.raises(ColumnIsAbsent) as refused:
        read(path)
    assert {each.code for each in refused.value.errors} == {"absent-column"}
    lines = tmp_path / "log.ndjson"
    lines.write_text(json.dumps({"case": "1", "what": "A", "when": T0}) + "\n")
    with pytest.raises(ColumnIsAbsent):
        read(lines)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("blank.csv", b"\n\n"),
        ("no.csv.gz", b"not packed"),
        ("no.xlsx", b"not a workbook"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileIsUnreadable):
        read(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileIsUnreadable):
        read(tmp_path / "gone.csv")
    with pytest.raises(FileIsUnreadable):
        read(tmp_path / "gone.xlsx")


def write_workbook(
    path: Path,
    rows: Sequence[Sequence[str | float]],
    dates: frozenset[int] | set[int] = frozenset(),
) -> None:
    """The smallest workbook that is one; columns in `dates` are formatted as times."""
    cells = "".join(
        f"<row>{''.join(_cell(value, index in dates) for index, value in enumerate(row))}</row>"
        for row in rows
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{sheet}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{sheet}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{sheet}.styles+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{office}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/>'
        '<xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData>'
        "</worksheet>",
    }
    with zipfile.ZipFile(path, "w") as workbook:
        for name, content in parts.items():
            workbook.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{content}')


def _cell(value: str | float, is_date: bool) -> str:
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c s="{int(is_date)}"><v>{value}</v></c>'
