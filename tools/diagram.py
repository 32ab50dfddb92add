"""Write the diagram of a transaction's states into the pages that tell of them.

Purpose: ``linkinstall.journal.TRANSITIONS`` is the one table of states; the diagram in
the pages of ``PAGES`` is drawn from it, and a test compares the two.

Calling sequence: ``.venv/bin/python -m tools.diagram``, from the root of the repository.

Errors: ``ValueError`` where a page has lost the marks that the diagram stands between.
"""  # noqa: INP001 - run by name, from the root of the repository

from __future__ import annotations

from pathlib import Path

from linkinstall.journal import ABSENT, TRANSITIONS

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = (
    DOCS / "explanation" / "how-a-change-is-made.md",
    DOCS / "reference" / "journal-format.md",
)
BEGIN = "<!-- the states, drawn by `python -m tools.diagram` -->"
END = "<!-- end of the states -->"


def diagram() -> str:
    """Return the table of states as a fenced block in the language of Mermaid."""
    arrows = [
        f"    {_node(before)} --> {_node(after)}: {event}"
        for (before, event), after in TRANSITIONS.items()
    ]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```", ""])


def _node(state: str) -> str:
    # A transaction begins and ends with nothing on the disk.
    return "[*]" if state == ABSENT else state


def in_place(page: str) -> str:
    """Return the text of a page with the diagram between its marks.

    :raises ValueError: the page has no marks
    """
    before, begin, rest = page.partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not (begin and end):
        message = f"the page lacks the marks {BEGIN} and {END}"
        raise ValueError(message)
    return before + begin + diagram() + end + after


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(in_place(page.read_text(encoding="utf-8")), encoding="utf-8")
