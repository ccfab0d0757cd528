"""The judges, each a function of the subjects that returns its verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from proof.judges import dkim_verifiers, mime_parsers, spam_filters, verapdf
from proof.subjects import Subject
from proof.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A judge by its name, and what it judges in words."""

    name: str
    about: str
    ask: Callable[[Sequence[Subject]], Verdict]


JUDGES = (
    Judge(name="veraPDF", about="the PDF by PDF/UA-1 and PDF/A-2a", ask=verapdf.ask),
    Judge(name="SpamAssassin", about="a message that was really received", ask=spam_filters.ask_spamassassin),
    Judge(name="rspamd", about="a message that was really received", ask=spam_filters.ask_rspamd),
    Judge(name="DKIM verifiers", about="the signature, as dkimpy, OpenDKIM and Mail::DKIM see it",
          ask=dkim_verifiers.ask),
    Judge(name="MIME parsers", about="the message's parts, as Python, Node and Perl read them", ask=mime_parsers.ask),
)  # fmt: skip
