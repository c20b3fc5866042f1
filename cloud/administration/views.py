"""What admins look at: visits, the audit log, settings in effect; and secrets, once."""

from typing import Any

from cloud.administration.doors import Doors, row
from cloud.administration.reports import (
    AuditReport,
    AuditRow,
    SecretReport,
    SettingRow,
    SettingsReport,
    VisitsReport,
)
from cloud.doors.ledger import MOST_AUDITED
from cloud.pages import formats, reports
from cloud.pages.page import Asked, Sent, missing
from cloud.pages.reports import Paging

DAY = 86_400


class Views:
    """Reads, and ends visits."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def visits(self, _: Asked) -> VisitsReport:
        return VisitsReport([row(key) for key in self._doors.visits.all()])

    def end_visit(self, sent: Sent) -> str:
        """Ends a visit at once."""
        self._doors.visits.end(sent.one("id"), sent.visitor.name)
        return "/administration/visits"

    def audit(self, asked: Asked) -> AuditReport:
        query, ledger = asked.query, self._doors.ledger
        total, found = ledger.lines(query.who, query.action, query.page, query.size)
        return AuditReport(
            lines=[_line(line) for line in found],
            paging=Paging(query.page, query.size, total),
            actions=ledger.actions(),
            query={"who": query.who, "action": query.action},
        )

    def settings(self, asked: Asked) -> SettingsReport:
        keeping, limits = asked.watch.keeping, self._doors.limits
        told = (
            ("cloud.minutes_days", _days(keeping.minutes_seconds), "facts by minutes"),
            ("cloud.hours_days", _days(keeping.hours_seconds), "facts by hours"),
            ("cloud.kept_days", _days(keeping.days_seconds), "facts by days, names"),
            ("cloud.store_bytes", formats.size(keeping.most_bytes), "the database"),
            (
                "cloud.packages_per_minute",
                formats.number(limits.packages),
                "packages of a cluster",
            ),
            (
                "cloud.rows_per_minute",
                formats.number(limits.rows),
                "rows of a cluster",
            ),
            ("", f"{MOST_AUDITED:,} lines", "the audit log; the oldest go first"),
        )
        return SettingsReport([SettingRow(*one) for one in told])

    def shown(self, asked: Asked) -> SecretReport:
        secret = self._doors.handed.take(asked.visitor.name, asked.id)
        if secret is None:
            raise missing("This was shown already. Make a new one.")
        return SecretReport(*secret)


def _line(line: Any) -> AuditRow:
    return AuditRow(
        at=reports.time(line.at_ns),
        who=line.who,
        address=line.address,
        action=line.action,
        subject=line.subject,
    )


def _days(seconds: int) -> str:
    return f"{seconds / DAY:g} days"
