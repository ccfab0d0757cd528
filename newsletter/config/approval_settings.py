"""The table [approval] of newsletter.toml: who may approve an issue, and how many have to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from newsletter.address import subscriber_key
from newsletter.config import validators
from newsletter.config.section import Section
from newsletter.config.validators import Address, OneLine
from newsletter.validation import Fault, fault_error, faults_error

# Of OpenPGP's versions 4 (RFC 9580, section 5.5.4.2) and 6.
_FINGERPRINT = re.compile(r"(?:[0-9A-F]{40}|[0-9A-F]{64})")


def _drop_repeated(approvers: Sequence[Address]) -> tuple[Address, ...]:
    """Return each address once: whoever is named twice, in small letters and in capitals, is one person."""
    return tuple({subscriber_key(address): address for address in reversed(approvers)}.values())[::-1]


def _check_keys(keys: Mapping[Address, str], info: ValidationInfo) -> Mapping[Address, str]:
    faults = list(_find_key_faults(keys, info.data.get("approvers", ())))
    if faults:
        raise faults_error(*faults)
    return {address: _join(fingerprint) for address, fingerprint in keys.items()}


def _find_key_faults(keys: Mapping[Address, str], approvers: Sequence[Address]) -> Iterator[Fault]:
    known = {subscriber_key(address) for address in approvers}
    for address, fingerprint in keys.items():
        if subscriber_key(address) not in known:
            yield Fault(
                code="approver",
                message=f"{address} has a key, and is not among the approvers",
                next_step="Write the address into [approval] approvers as well, or take it out here.",
            )
        if not _FINGERPRINT.fullmatch(_join(fingerprint)):
            yield Fault(
                code="fingerprint",
                message=f"{fingerprint!r} is not the fingerprint of an OpenPGP key",
                next_step="Write all of it, as `gpg --fingerprint` shows it.",
            )


def _join(fingerprint: str) -> str:
    return "".join(fingerprint.split()).upper()


class ApprovalSettings(Section):
    """The table [approval]: by whose signatures an issue is approved, as [send] require = ["approved"] asks.

    `count` of the `approvers` have to sign, each with a key of their own: one that the file `allowed_signers` gives
    their address (SSH; ssh-keygen(1), ALLOWED SIGNERS), or the OpenPGP key whose fingerprint is theirs in `gpg` and
    whose public half is in the file `gpg_keys`.
    """

    approvers: Annotated[
        tuple[Address, ...], BeforeValidator(validators.split_commas), AfterValidator(_drop_repeated)
    ] = ()
    count: Annotated[int, Field(ge=1)] = 1
    allowed_signers: OneLine | None = None
    gpg_keys: OneLine | None = None
    gpg: Annotated[Mapping[Address, str], AfterValidator(_check_keys)] = {}


def check_approval(approval: ApprovalSettings, require: Sequence[str]) -> ApprovalSettings:
    """Return the settings if enough people can approve, where that is asked for or anybody is named. Raises a fault."""
    if "approved" in require and not approval.approvers:
        raise fault_error(
            code="approver",
            message="[send] require asks for approval, and [approval] names nobody who may give it",
            next_step='Add [approval] with approvers = ["ada@example.org"] and allowed_signers = "approvers", '
            'or take "approved" out of [send] require.',
        )
    if approval.approvers and approval.count > len(approval.approvers):
        raise fault_error(
            code="count",
            message=f"{approval.count} people have to approve, and {len(approval.approvers)} may",
            next_step="Name more approvers, or lower count.",
        )
    if approval.approvers and not approval.allowed_signers and not (approval.gpg_keys and approval.gpg):
        raise fault_error(
            code="approver",
            message="[approval] says nothing of the approvers' keys",
            next_step='Name a file with their SSH keys: allowed_signers = "approvers"; or their OpenPGP keys: '
            'gpg_keys = "approvers.asc" and a table [approval.gpg] with the fingerprints.',
        )
    return approval
