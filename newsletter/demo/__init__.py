"""A demonstration on this machine alone: the sample issue, a real SMTP server, and a mailbox to look into."""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from newsletter import DecisionNeeded, Publication, SendOptions, SendResult
from newsletter.workspace import CONFIG_NAME, find_shipped

_ISSUE = "2.10"
_LIST = "subscribers.example.csv"
_MARK = ".newsletter-demo"


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """The results of a demonstration, and where they are."""

    result: SendResult
    mailbox: Path
    exported: Mapping[str, Path]


def demonstrate(folder: Path) -> Demonstration:
    """Lay a workspace in `folder`, build the sample issue, and send it to the example list over loopback.

    Raises DecisionNeeded where the mail server is not installed, or where `folder` holds something else.
    """
    try:
        from newsletter.demo.server import mail_server
    except ImportError as error:
        raise DecisionNeeded(
            "The demonstration's own mail server is not installed.",
            next_step='Install it: pip install "newsletter-press[demo]"',
        ) from error
    _lay_workspace(folder)
    mailbox = folder / "mailbox"
    with ExitStack() as stack:
        port = stack.enter_context(mail_server(mailbox))
        environ = {
            "NEWSLETTER_SMTP__HOST": "127.0.0.1",
            "NEWSLETTER_SMTP__PORT": str(port),
            "NEWSLETTER_SMTP__SECURITY": "none",
            "NEWSLETTER_SMTP__USERNAME": "",
            "NEWSLETTER_LIST__FILE": _LIST,
            "NEWSLETTER_SEND__BACKEND": "smtp",
            # Whatever the sample's file says by now: nothing outside the folder is touched.
            "NEWSLETTER_STORE__URL": "sqlite:///.newsletter/state.db",
        }
        publication = stack.enter_context(Publication.open(folder, environ))
        issue = publication.issue(_ISSUE)
        exported = publication.export(issue, ("html", "text", "pdf"))
        options = SendOptions(despite_problems=True)  # of a sample that somebody has edited, say
        result = publication.send(issue, options, confirm=lambda _proposal: True)
    return Demonstration(result=result, mailbox=mailbox, exported=exported)


def _lay_workspace(folder: Path) -> None:
    """Copy the sample publication. Raises DecisionNeeded rather than clear a folder of someone's."""
    if folder.exists() and not (folder / _MARK).is_file() and any(folder.iterdir()):
        raise DecisionNeeded(
            f"{folder} holds something that is not an earlier demonstration.",
            next_step="Move it away, and run the demonstration again.",
        )
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "drafts").mkdir(parents=True)
    (folder / _MARK).touch()
    for source in find_shipped("drafts").glob(f"{_ISSUE}*"):
        if not source.name.endswith(".sent.toml"):
            shutil.copyfile(source, folder / "drafts" / source.name)
    for name in (CONFIG_NAME, _LIST, "words.txt"):
        shutil.copyfile(find_shipped(name), folder / name)
