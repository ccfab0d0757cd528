"""The statement that an approver signs: which editions of which issue, by their hashes, and who approves them.

It is the message of a signed tag (git-tag(1)), kept as that object's bytes in drafts/2.10.approvals/. The tag's target
is git's empty tree, since a commit would be gone after a squash merge; what is approved are the hashes alone.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from newsletter.address import EmailAddress
from newsletter.clock import Instant
from newsletter.issue_name import IssueName

TAG = "newsletter-approval"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_FORMAT = 1
_SHA256 = re.compile("[0-9a-f]{64}")
_TAG_OBJECT = re.compile(
    rb"object (?P<object>[0-9a-f]{40})\ntype tree\ntag (?P<tag>[!-~]+)\n"
    rb"tagger [^\n<>\0]*<[^\n<>\0]*> (?P<at>[0-9]{1,11}) [+-][0-9]{4}\n\n"
    rb"(?P<message>[^\0]*?\n)"
    rb"(?P<signature>-----BEGIN (?P<kind>SSH|PGP) SIGNATURE-----\n[!-~ \n]+\n-----END (?P=kind) SIGNATURE-----\n)"
)

# The hash of each edition by its name ("html", "text", "pdf", "web", "mail", "readers"), by the language's tag.
Fingerprints = Mapping[str, Mapping[str, str]]


class Unreadable(Exception):
    """A file that holds no statement of this form."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What one approver signs. `publication` is the list id, `versions` are those of the programs that rendered."""

    publication: str
    issue: IssueName
    approver: EmailAddress
    editions: Fingerprints
    versions: Mapping[str, str]

    @property
    def text(self) -> str:
        """Return the statement as the tag's message: a line for people, and TOML."""
        lines = [
            f"Approval of {self.issue} by {self.approver}",
            "",
            f"format = {_FORMAT}",
            f"publication = {_quote(self.publication)}",
            f"issue = {_quote(self.issue)}",
            f"approver = {_quote(self.approver)}",
        ]
        for language, hashes in self.editions.items():
            lines += ["", f"[editions.{_quote(language)}]"]
            lines += [f"{edition} = {_quote(digest)}" for edition, digest in hashes.items()]
        lines += ["", "[versions]", *(f"{_quote(name)} = {_quote(version)}" for name, version in self.versions.items())]
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, kw_only=True)
class SignedStatement:
    """A statement with its signature: `data` is the whole tag object, `payload` what was signed of it.

    `at` is when it was signed, by the signer's clock.
    """

    statement: Statement
    at: Instant
    data: bytes
    payload: bytes
    signature: bytes
    is_ssh: bool


def read_signed_statement(data: bytes) -> SignedStatement:
    """Read a tag object. Raises Unreadable, with the reason, for what is not exactly one signed statement.

    git takes what is before the last signature for what was signed. There is only one here, so that nothing else can
    be shown than what was verified.
    """
    if data.count(b"-----BEGIN ") != 1:
        raise Unreadable("it has not exactly one signature" if data else "it is empty")
    match = _TAG_OBJECT.fullmatch(data)
    if not match or match["tag"] != TAG.encode() or match["object"] != EMPTY_TREE.encode():
        raise Unreadable("it is not a signed approval")
    try:
        at = Instant(datetime.fromtimestamp(int(match["at"]), UTC))
        statement = _read_statement(match["message"].decode())
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError) as error:
        raise Unreadable("its statement is of no form that this version knows") from error
    return SignedStatement(
        statement=statement,
        at=at,
        data=data,
        payload=data[: match.start("signature")],
        signature=match["signature"],
        is_ssh=match["kind"] == b"SSH",
    )


def _read_statement(message: str) -> Statement:
    """Return the statement in a tag's message. Raises ValueError and the like for any other text."""
    fields = tomllib.loads(message.partition("\n\n")[2])
    if fields["format"] != _FORMAT:
        raise ValueError(fields["format"])
    statement = Statement(
        publication=_check_text(fields["publication"]),
        issue=IssueName(_check_text(fields["issue"])),
        approver=EmailAddress(_check_text(fields["approver"])),
        editions={
            language: {edition: _check_digest(digest) for edition, digest in hashes.items()}
            for language, hashes in fields["editions"].items()
        },
        versions={name: _check_text(version) for name, version in fields["versions"].items()},
    )
    if statement.text != message:  # another spelling, or something that this version would not look at
        raise ValueError(message)
    return statement


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _check_digest(value: object) -> str:
    if not _SHA256.fullmatch(_check_text(value)):
        raise ValueError(value)
    return str(value)


def _quote(text: str) -> str:
    """Return a text as a basic string of TOML, as JSON writes it, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
