"""All rows of the table, in its order."""

from exim_rows import EXIM_ROWS
from opensmtpd_rows import OPENSMTPD_ROWS
from postfix_rows import POSTFIX_ROWS
from small_rows import SMALL_ROWS

ROWS = {row.name: row for row in (*SMALL_ROWS, *OPENSMTPD_ROWS, *POSTFIX_ROWS, *EXIM_ROWS)}
