"""dkimpy, OpenDKIM and Mail::DKIM on the signature of a message that was really sent, each with the published key.

Perl's and OpenDKIM's ask no DNS: the record is given to each in the way it has for tests.
"""

import shutil
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import dkim
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from proof.subjects import SELECTOR, Subject
from proof.verdict import Control, Finding, NotAvailable, Verdict

_NAME = f"{SELECTOR}._domainkey.example.org"
_PERL = """\
use Mail::DKIM::Verifier; use Mail::DKIM::PublicKey;
my $record = shift;
no warnings 'redefine';
*Mail::DKIM::Signature::get_public_key = sub { Mail::DKIM::PublicKey->parse($record) };
my $verifier = Mail::DKIM::Verifier->new();
while (<STDIN>) { s/\\r?\\n/\\r\\n/; $verifier->PRINT($_) }
$verifier->CLOSE; print $verifier->result_detail;
"""
_Verify = Callable[[bytes, str], str]


def ask(subjects: Sequence[Subject]) -> Verdict:
    """Return which verifiers do not take the signature, and whether each sees a changed word."""
    received = [one for one in subjects if one.file("received.eml").exists()]
    if not received:
        raise NotAvailable("no message was sent: Postfix is missing (Debian: postfix, sasl2-bin, libsasl2-modules)")
    verifiers = _find_verifiers()
    findings = [
        Finding(subject=one.name, rule=name, words=f"says {result}")
        for one in received
        for name, verify in verifiers.items()
        if (result := verify(one.file("received.eml").read_bytes(), _make_record(one.file("dkim.pem")))) != "pass"
    ]
    first = received[0]
    changed = first.file("received.eml").read_bytes().replace(b"Ada Reader", b"Bea Reader", 1)
    record = _make_record(first.file("dkim.pem"))
    return Verdict(
        version=", ".join(verifiers),
        seen=[one.name for one in received],
        findings=findings,
        controls=[
            Control(planted=f"a changed name, for {name}", found=verify(changed, record) != "pass")
            for name, verify in verifiers.items()
        ],
        notes=[f"{name} is not installed" for name in ("OpenDKIM", "Mail::DKIM") if name not in verifiers],
    )


def _make_record(key: Path) -> str:
    public = load_pem_private_key(key.read_bytes(), None).public_key()
    return (
        f"v=DKIM1; k=rsa; p={b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()}"
    )


def _find_verifiers() -> Mapping[str, _Verify]:
    found: dict[str, _Verify] = {"dkimpy": _verify_by_dkimpy}
    if shutil.which("opendkim", path="/usr/sbin:/usr/bin"):
        found["OpenDKIM"] = _verify_by_opendkim
    if subprocess.run(["perl", "-MMail::DKIM", "-e", "1"], check=False, capture_output=True).returncode == 0:
        found["Mail::DKIM"] = _verify_by_perl
    return found


def _verify_by_dkimpy(mail: bytes, record: str) -> str:
    return "pass" if dkim.verify(mail, dnsfunc=lambda *_args, **_more: record.encode()) else "fail"


def _verify_by_perl(mail: bytes, record: str) -> str:
    done = subprocess.run(["perl", "-e", _PERL, record], input=mail, check=True, capture_output=True)
    return done.stdout.decode().split()[0]


def _verify_by_opendkim(mail: bytes, record: str) -> str:
    """Return what OpenDKIM writes into Authentication-Results in its test mode, with the record from a file."""
    with tempfile.TemporaryDirectory(prefix="opendkim-") as name:
        folder = Path(name)
        (folder / "dns").write_text(f"{_NAME} {record}\n")
        (folder / "conf").write_text(f"Mode v\nTestDNSData {folder}/dns\nAlwaysAddARHeader yes\nSyslog no\n")
        (folder / "mail").write_bytes(mail)
        command = ["/usr/sbin/opendkim", "-x", folder / "conf", "-t", folder / "mail", "-vv"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        said = done.stdout + done.stderr
        if "dkim=" not in said and "verification" not in said:
            raise RuntimeError(f"OpenDKIM says nothing of the signature: {said[-500:]}")
        return "pass" if "dkim=pass" in said or "verification succeeded" in said else "fail"
