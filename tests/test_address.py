"""The quick way to an address's one spelling agrees with the library that knows all of the rules."""

from collections.abc import Callable

import pytest
from email_validator import validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from newsletter.address import normalise_address

_LOCAL = st.one_of(
    st.from_regex(r"[A-Za-z0-9.+_-]{1,70}", fullmatch=True),
    st.sampled_from(["postmaster", "Postmaster", "info", "INFO", "o'neil", '"quoted"', "é", "", "a..b", ".a", "a."]),
    st.text(max_size=12),
)
_DOMAIN = st.one_of(
    st.from_regex(r"[A-Za-z0-9-]{1,20}(\.[A-Za-z0-9-]{1,20}){0,3}", fullmatch=True),
    st.sampled_from(["Example.ORG", "bücher.example", "localhost", "example.test", "[127.0.0.1]", "a.b@c", "x.invalid",
                     "xn--bcher-kva.example", ".".join(["a" * 60] * 4) + ".org", "1.2.3.4", ""]),
    st.text(max_size=12),
)  # fmt: skip


@given(local=_LOCAL, domain=_DOMAIN, around=st.sampled_from(["", " ", "\t"]))
@example(local="a" * 64, domain=".".join(["a" * 60] * 3) + ".org", around="")
@example(local="a" * 65, domain="example.org", around="")
def test_the_same_spelling_or_the_same_refusal(local: str, domain: str, around: str) -> None:
    address = f"{around}{local}@{domain}{around}"
    assert _said(normalise_address, address) == _said(_by_the_library, address)


def _by_the_library(address: str) -> str:
    if "=?" in address:
        raise ValueError("some mail programs would read another address out of the =? in it.")
    valid = validate_email(address.strip(), check_deliverability=False, allow_smtputf8=False)
    return valid.ascii_email or valid.normalized


def _said(spell: Callable[[str], str], address: str) -> tuple[str, str]:
    try:
        return "spelt", spell(address)
    except ValueError as error:
        return "refused", str(error)


@pytest.mark.parametrize(
    "address", ["=?utf-8?q?=61=40evil.example=3e?=@example.org", "a=?b@example.org", '"=?x?="@example.org']
)
def test_what_a_mail_program_may_decode_into_another_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"another address out of the =\?"):
        normalise_address(address)
