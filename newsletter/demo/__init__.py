"""All of it on this machine alone: the sample issue, a real SMTP server, and a mailbox to look into."""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from newsletter import backends, ledger
from newsletter.actions.send import carry_out, settle_plan
from newsletter.campaigns.options import Wish
from newsletter.campaigns.plan import plan_send
from newsletter.demo.server import mail_server
from newsletter.editions import EditionContext
from newsletter.editions.export import export
from newsletter.errors import DecisionNeeded
from newsletter.issue.draft import read_draft, require_issue
from newsletter.ledger.states import Counts
from newsletter.sending.run import OnProgress, Rules
from newsletter.store import open_store
from newsletter.workspace import CONFIG_NAME, Workspace, shipped

_ISSUE = "2.10"
_LIST = "subscribers.example.csv"
_MARK = ".newsletter-demo"


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """What a demonstration made, and where."""

    subject: str
    counts: Counts
    mailbox: Path
    exported: Mapping[str, Path]


def demonstrate(folder: Path, on_progress: OnProgress) -> Demonstration:
    """Lay a workspace in `folder`, build the sample issue, and send it to the example list over loopback."""
    _lay_workspace(folder)
    mailbox = folder / "mailbox"
    with ExitStack() as stack:
        port = stack.enter_context(mail_server(mailbox))
        workspace = Workspace(
            folder,
            {
                "NEWSLETTER_SMTP__HOST": "127.0.0.1",
                "NEWSLETTER_SMTP__PORT": str(port),
                "NEWSLETTER_SMTP__SECURITY": "none",
                "NEWSLETTER_SMTP__USERNAME": "",
                "NEWSLETTER_LIST__FILE": _LIST,
                "NEWSLETTER_SEND__BACKEND": "smtp",
                # Whatever the sample's file says by now: nothing outside the folder is touched.
                "NEWSLETTER_STORE__URL": "sqlite:///.newsletter/state.db",
            },
        )
        context = EditionContext.from_workspace(workspace)
        draft = read_draft(workspace.find_draft(_ISSUE))
        issue = require_issue(draft)
        exported = export(context, issue, ("html", "text", "pdf"), workspace.build(_ISSUE))
        store = stack.enter_context(closing(open_store(workspace.database)))
        record = workspace.record(_ISSUE)
        with ledger.staged_list(store) as staged:
            plan = plan_send(store, staged, context, draft, record=record, list_path=workspace.subscribers, wish=Wish())
            settle_plan(store, staged, plan)
        backend = backends.load(workspace.config.send.backend, workspace.config, folder)
        carry_out(store, _ISSUE, backend, record, Rules(), on_progress, on_stop=lambda: None)
        counts = ledger.counts(store, _ISSUE)
    return Demonstration(subject=plan.campaign.subject, counts=counts, mailbox=mailbox, exported=exported)


def _lay_workspace(folder: Path) -> None:
    """A fresh copy of the sample publication. Raises DecisionNeeded rather than clear a folder of someone's."""
    if folder.exists() and not (folder / _MARK).is_file() and any(folder.iterdir()):
        raise DecisionNeeded(
            f"{folder} holds something that is not an earlier demonstration.",
            next_step="Move it away, and run the demonstration again.",
        )
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "drafts").mkdir(parents=True)
    (folder / _MARK).touch()
    for source in shipped("drafts").glob(f"{_ISSUE}*"):
        if not source.name.endswith(".sent.toml"):
            shutil.copyfile(source, folder / "drafts" / source.name)
    for name in (CONFIG_NAME, _LIST):
        shutil.copyfile(shipped(name), folder / name)
