"""What became of a campaign: a balance that adds up, figures, a page of them, and every reader in a table."""

from newsletter.delivery.report.data import as_dict
from newsletter.delivery.report.figures import Report, make_report, shortened
from newsletter.delivery.report.replies import gather
from newsletter.delivery.report.table import EVERYTHING, NOT_ACCEPTED, write_csv
from newsletter.delivery.report.words import balance

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
