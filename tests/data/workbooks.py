"""XLSX workbooks as other programs write them, made by hand so that every cell is known."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = """<?xml version="1.0"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/xl/workbook.xml"
 ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>
</Types>"""
_ROOT = f"""<?xml version="1.0"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="r0" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>
</Relationships>"""
# Style 1 is a date, 2 a moment, 3 text of digits.
_STYLES = f"""<?xml version="1.0"?>
<styleSheet xmlns="{_MAIN}"><cellXfs count="4"><xf numFmtId="0"/><xf numFmtId="14"/>
<xf numFmtId="22"/><xf numFmtId="49"/></cellXfs></styleSheet>"""

DATE, MOMENT = 1, 2


@dataclass(frozen=True, slots=True)
class Cell:
    """A number with a style, or a formula with the value that was saved with it."""

    value: object
    style: int = 0
    formula: str | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet; `state` may be `hidden` or `veryHidden`, `merged` are ranges such as `A2:A4`."""

    name: str
    rows: Sequence[Sequence[object]]
    state: str = "visible"
    merged: tuple[str, ...] = ()


def make(*sheets: Sheet) -> bytes:
    """Return the workbook as a file."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _TYPES)
        archive.writestr("_rels/.rels", _ROOT)
        archive.writestr("xl/styles.xml", _STYLES)
        archive.writestr("xl/workbook.xml", _workbook(sheets))
        archive.writestr("xl/_rels/workbook.xml.rels", _relations(len(sheets)))
        for number, sheet in enumerate(sheets):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", _sheet(sheet))
    return output.getvalue()


def _workbook(sheets: Sequence[Sheet]) -> str:
    named = "".join(
        f'<sheet name="{escape(sheet.name)}" sheetId="{n + 1}" state="{sheet.state}" r:id="r{n}"/>'
        for n, sheet in enumerate(sheets)
    )
    return f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{named}</sheets></workbook>'


def _relations(count: int) -> str:
    named = "".join(
        f'<Relationship Id="r{n}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(count)
    )
    styles = f'<Relationship Id="rs" Type="{_RELATIONS}/styles" Target="styles.xml"/>'
    kind = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{kind}">{named}{styles}</Relationships>'


def _sheet(sheet: Sheet) -> str:
    rows = "".join(
        f'<row r="{number}">'
        + "".join(_cell(f"{chr(65 + place)}{number}", value) for place, value in enumerate(row))
        + "</row>"
        for number, row in enumerate(sheet.rows, start=1)
    )
    ranges = "".join(f'<mergeCell ref="{each}"/>' for each in sheet.merged)
    merged = f"<mergeCells>{ranges}</mergeCells>" if ranges else ""
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData>{merged}</worksheet>'


def _cell(place: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Cell):
        formula = f"<f>{escape(value.formula)}</f>" if value.formula else ""
        kind = ' t="str"' if isinstance(value.value, str) else ""
        content = f"{formula}<v>{escape(str(value.value))}</v>"
        return f'<c r="{place}" s="{value.style}"{kind}>{content}</c>'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    text = f'<t xml:space="preserve">{escape(str(value))}</t>'
    return f'<c r="{place}" t="inlineStr"><is>{text}</is></c>'
