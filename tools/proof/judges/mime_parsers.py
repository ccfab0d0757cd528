"""Three readers of MIME on each message: Python's, Node's mailparser and Perl's MIME::Parser have to find the same."""

import email
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from email.header import decode_header, make_header
from email.policy import default
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from proof.subjects import ROOT, Subject
from proof.verdict import Control, Finding, NotAvailable, Verdict

_NODE = Path(__file__).parents[1] / "node"
_INSTALLED = ROOT / "build" / "proof" / "node"
_PERL = r"""
use MIME::Parser; use MIME::WordDecoder; use Digest::SHA qw(sha256_hex); use JSON::PP; use Encode;
binmode STDIN; my $parser = MIME::Parser->new; $parser->output_to_core(1);
my $mail = $parser->parse(\*STDIN);
my (%found, @attached);
sub walk { my $part = shift; if ($part->parts) { walk($_) for $part->parts; return }
  my $type = $part->effective_type; my $body = $part->bodyhandle->as_string;
  if ($type =~ m{^text/(plain|html)$}) {
    $found{$1} = decode($part->head->mime_attr('content-type.charset') || 'us-ascii', $body) }
  else { my $id = $part->head->get('Content-ID') // ''; $id =~ s/^\s*<|>\s*$//g;
    push @attached, [$type, sha256_hex($body), $id] } }
walk($mail);
sub words { my $field = $mail->head->get(shift); $field =~ s/\r?\n(?=[ \t])//g; chomp $field;
  decode('MIME-Header', $field) }
my $from = words('From'); $from =~ s/\s*<[^>]*>\s*$//; $from =~ s/^"(.*)"$/$1/;
print JSON::PP->new->utf8->encode({ subject => words('Subject'), from => $from, text => $found{plain},
  html => $found{html} // '', attached => \@attached });
"""
_Read = Callable[[bytes], Mapping[str, Any]]


def ask(subjects: Sequence[Subject]) -> Verdict:
    """Return where one reader finds other words, other parts or another subject than Python's."""
    readers = _find_readers()
    if len(readers) == 1:
        raise NotAvailable("neither Node nor Perl's MIME::Parser is installed (Debian: npm, libmime-tools-perl)")
    names = ("received.eml", "message.eml")
    mails = {one.name: one.file(name).read_bytes() for one in subjects for name in names if one.file(name).exists()}
    findings = [
        Finding(subject=subject, rule=f"{reader}: {key}", words="is not what Python's email package reads")
        for subject, mail in mails.items()
        for reader, key in _compare(readers, mail)
    ]
    # Of what is sound they read the same; of words in another charset than is said, each makes something else.
    first = next(iter(mails.values()))
    torn = first.replace(b"charset=utf-8", b"charset=us-ascii").replace(b'charset="utf-8"', b'charset="us-ascii"')
    return Verdict(
        version=", ".join(readers),
        seen=list(mails),
        findings=findings,
        controls=[Control(planted="a charset that is not the words' own", found=bool(_compare(readers, torn)))],
    )


def _compare(readers: Mapping[str, _Read], mail: bytes) -> list[tuple[str, str]]:
    """Return by reader and key what others read differently from the first."""
    first, *others = ((name, read(mail)) for name, read in readers.items())
    return [
        (name, key) for name, found in others for key, value in first[1].items() if _join(found[key]) != _join(value)
    ]


def _join(value: object) -> object:
    """Return words with one blank between them: readers end lines, and unfold headers, in their own ways."""
    return " ".join(value.split()) if isinstance(value, str) else value


def _find_readers() -> Mapping[str, _Read]:
    readers: dict[str, _Read] = {"Python": _read_by_python}
    if shutil.which("npm") and _install():
        script = _INSTALLED / "read-mail.mjs"
        readers["mailparser"] = lambda mail: _run(["node", str(script)], mail)
    have = subprocess.run(["perl", "-MMIME::Parser", "-e", "1"], check=False, capture_output=True)
    if have.returncode == 0:
        readers["MIME::Parser"] = lambda mail: _run(["perl", "-e", _PERL], mail)
    return readers


def _install() -> bool:
    _INSTALLED.mkdir(parents=True, exist_ok=True)
    for path in _NODE.iterdir():
        if path.is_file():
            shutil.copyfile(path, _INSTALLED / path.name)
    if (_INSTALLED / "node_modules" / "mailparser").is_dir():
        return True
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(_INSTALLED)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _run(command: Sequence[str], mail: bytes) -> Mapping[str, Any]:
    done = subprocess.run(command, input=mail, check=True, capture_output=True)
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


def _read_by_python(mail: bytes) -> Mapping[str, Any]:
    message = email.message_from_bytes(mail, policy=default)
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    attached = [
        [part.get_content_type(), hashlib.sha256(part.get_payload(decode=True)).hexdigest(),  # type: ignore[arg-type]
         str(part.get("Content-ID", "")).strip("<>")]
        for part in message.walk() if part.get_content_maintype() not in ("text", "multipart")
    ]  # fmt: skip
    return {
        "subject": str(message["Subject"]),
        # Python's parser of addresses leaves blanks between encoded words, against RFC 2047, section 6.2.
        "from": parseaddr(str(make_header(decode_header(email.message_from_bytes(mail)["From"]))))[0],
        "text": text.get_content() if text else "",
        "html": html.get_content() if html else "",
        "attached": attached,
    }
