"""Passwords in the system's keyring."""


def read_stored_password(host: str, username: str) -> str | None:
    """Return what `keyring set newsletter:HOST USERNAME` has stored; None without that, or without a keyring."""
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        return keyring.get_password(f"newsletter:{host}", username)
    except KeyringError:
        return None
