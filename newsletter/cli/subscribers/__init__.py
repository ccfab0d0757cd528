"""The group of commands `newsletter subscribers`."""

import click

from newsletter.cli.subscribers.add_remove import add, remove
from newsletter.cli.subscribers.check_list import check
from newsletter.cli.subscribers.export_list import export
from newsletter.cli.subscribers.forget import forget
from newsletter.cli.subscribers.import_list import import_
from newsletter.cli.subscribers.pause_resume import pause, resume
from newsletter.cli.subscribers.reconfirm import reconfirm
from newsletter.cli.subscribers.show import show
from newsletter.cli.subscribers.show_list import list_
from newsletter.cli.subscribers.stats import stats
from newsletter.cli.subscribers.suppress_unsuppress import suppress, unsuppress


@click.group()
def subscribers() -> None:
    """Look after the list: who is on it, who left, and what is known of one reader.

    The list is a CSV and yours to edit, or kept in the store. What readers and mail servers said wins over it.
    """


for _command in (
    list_,
    show,
    add,
    remove,
    forget,
    check,
    stats,
    import_,
    export,
    pause,
    resume,
    reconfirm,
    suppress,
    unsuppress,
):
    subscribers.add_command(_command)
