"""One spelling for a mail address, for the configuration and for the list alike."""

from email_validator import EmailNotValidError, validate_email


def normalise(address: str) -> str:
    """The address as it is mailed: domain in small letters and ASCII. Raises ValueError with the reason.

    A part before the @ that is not ASCII would need SMTPUTF8, which many servers lack, and is refused.
    """
    try:
        valid = validate_email(address.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from error
    return valid.ascii_email or valid.normalized
