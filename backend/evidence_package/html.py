"""A page of headings, paragraphs and tables, in which every word from outside is escaped.

The backend needs no template language for it: a fact reaches the page only through `Page`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
body { font: 15px/1.45 sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #111 }
h1 { font-size: 1.5em } h3 { font-size: 1em }
h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #999 }
table { border-collapse: collapse; width: 100%; margin: .6em 0 }
th, td { border: 1px solid #bbb; padding: .25em .5em; text-align: left; vertical-align: top }
th { background: #eee } td { overflow-wrap: anywhere } thead { display: table-header-group }
.yes { background: #e3f3e3 } .no { background: #fbeaea }
@media print { body { margin: 0; max-width: none; font-size: 10pt } tr { break-inside: avoid } }
"""


class Page:
    """One self-contained file: no script, no address that anything is fetched from."""

    def __init__(self, title: str) -> None:
        name = escape(title)
        self._parts = [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f"<title>{name}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{name}</h1>\n",
        ]

    def heading(self, words: str) -> None:
        """A section begins."""
        self._parts.append(f"<h2>{escape(words)}</h2>\n")

    def subheading(self, words: str) -> None:
        """A part of a section begins."""
        self._parts.append(f"<h3>{escape(words)}</h3>\n")

    def paragraph(self, words: str) -> None:
        """Some words."""
        self._parts.append(f"<p>{escape(words)}</p>\n")

    def table(
        self, head: Sequence[str], rows: Iterable[Sequence[object]], marks: Sequence[bool] = ()
    ) -> None:
        """Rows under a head; `marks` tell of each row whether it speaks for or against."""
        names = "".join(f"<th>{escape(name)}</th>" for name in head)
        self._parts.append(f"<table>\n<thead><tr>{names}</tr></thead>\n<tbody>\n")
        for number, row in enumerate(rows):
            mark = f' class="{"yes" if marks[number] else "no"}"' if marks else ""
            cells = "".join(f"<td>{escape(_tell(of))}</td>" for of in row)
            self._parts.append(f"<tr{mark}>{cells}</tr>\n")
        self._parts.append("</tbody>\n</table>\n")

    def close(self) -> bytes:
        """The whole page."""
        return ("".join(self._parts) + "</body>\n</html>\n").encode()


def _tell(value: object) -> str:
    """A value in a cell: lists one behind the other, what is none as such."""
    if value in (None, "", [], {}):
        return "none"
    match value:
        case bool():
            return "yes" if value else "no"
        case dict():
            return "; ".join(f"{key}: {_tell(of)}" for key, of in sorted(value.items()))
        case list():
            return ", ".join(map(_tell, value))
        case _:
            return str(value)
