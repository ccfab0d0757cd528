"""What became of a campaign: a balance that adds up, figures, a page of them, and every reader in a table."""

from newsletter.reports.data import as_dict
from newsletter.reports.figures import Report, make_report, shortened
from newsletter.reports.replies import gather
from newsletter.reports.table import EVERYTHING, NOT_ACCEPTED, write_csv
from newsletter.reports.words import balance

__all__ = [
    "EVERYTHING",
    "NOT_ACCEPTED",
    "Report",
    "as_dict",
    "balance",
    "gather",
    "make_report",
    "shortened",
    "write_csv",
]
