"""What makes a row of a history the same row, however often and from wherever it comes (G2)."""

from services.opportunities.domain.history_cells import HistoryRow


def row_identity(tenant_id: str, source: str, row: HistoryRow, number: int) -> str:
    """(tenant, source, case, activity, lifecycle, time, actor, n); no two rows write it alike."""
    case, activity, lifecycle, actor = row.case, row.activity, row.lifecycle, row.actor
    return (
        f"{len(tenant_id)},{len(source)},{len(case)},{len(activity)},{len(lifecycle)},{len(actor)}"
        f"|{tenant_id}|{source}|{case}|{activity}|{lifecycle}|{actor}"
        f"|{row.time.isoformat()}|{number}"
    )


class EqualRows:
    """Counts, for each row of an import, the equal rows of its case that came before it.

    Rows of a case come by time, and equal rows have equal times: only the latest time is kept.
    """

    def __init__(self) -> None:
        self._latest: dict[str, HistoryRow] = {}
        self._at_latest: dict[str, dict[tuple[str, str, str], int]] = {}

    def number(self, row: HistoryRow) -> int:
        latest = self._latest.get(row.case)
        self._latest[row.case] = row
        if latest is None or latest.time != row.time:
            self._at_latest.pop(row.case, None)
            return 0
        counts = self._at_latest.get(row.case)
        if counts is None:
            counts = self._at_latest[row.case] = {_key(latest): 1}
        key = _key(row)
        number = counts.get(key, 0)
        counts[key] = number + 1
        return number


def _key(row: HistoryRow) -> tuple[str, str, str]:
    return row.activity, row.lifecycle, row.actor
