"""The mail clients by their names in newsletter.toml, and the features that each of them lacks."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from newsletter.errors import ConfigError
from newsletter.text import join_words, quote_text, suggest_nearest

WORD = "outlook.windows"  # the platform that lays out with Word, and sees what is meant for it alone
_IOS_ANDROID = {"ios": "iOS", "android": "Android"}
_WEB_AND_PHONES = {"desktop-webmail": "web"} | _IOS_ANDROID


@dataclass(frozen=True)
class Client:
    """A client by its common name, and its platforms in the data with a word for each."""

    name: str
    platforms: Mapping[str, str]


def _make_client(name: str, family: str, platforms: Mapping[str, str]) -> Client:
    return Client(name, {f"{family}.{platform}": word for platform, word in platforms.items()})


def _make_single(name: str, platform: str) -> Client:
    return Client(name, {platform: ""})


CLIENTS: Mapping[str, Client] = {
    "gmail": _make_single("Gmail on the web", "gmail.desktop-webmail"),
    "gmail-mobile": _make_client("Gmail on phones", "gmail", _IOS_ANDROID | {"mobile-webmail": "browser"}),
    "apple-mail": _make_single("Apple Mail on the Mac", "apple-mail.macos"),
    "apple-mail-ios": _make_single("Apple Mail on iPhone and iPad", "apple-mail.ios"),
    "outlook-windows": _make_single("Outlook for Windows (classic)", WORD),
    # The new Outlook for Windows is Outlook.com in a window of its own: one engine, one set of tests.
    "new-outlook": _make_single("the new Outlook and Outlook.com", "outlook.outlook-com"),
    "outlook-mac": _make_single("Outlook for Mac", "outlook.macos"),
    "outlook-mobile": _make_client("Outlook on phones", "outlook", _IOS_ANDROID),
    "yahoo": _make_single("Yahoo on the web", "yahoo.desktop-webmail"),
    "yahoo-mobile": _make_client("Yahoo on phones", "yahoo", _IOS_ANDROID),
    "aol": _make_client("AOL", "aol", _WEB_AND_PHONES),
    "samsung": _make_single("Samsung Email", "samsung-email.android"),
    "thunderbird": _make_client("Thunderbird", "thunderbird", {"macos": "macOS", "windows": "Windows"}),
    "protonmail": _make_client("Proton Mail", "protonmail", _WEB_AND_PHONES),
    "fastmail": _make_single("Fastmail", "fastmail.desktop-webmail"),
    "hey": _make_single("HEY", "hey.desktop-webmail"),
    "gmx": _make_client("GMX", "gmx", _WEB_AND_PHONES),
    "web-de": _make_client("WEB.DE", "web-de", _WEB_AND_PHONES),
    "orange": _make_client("Orange", "orange", _WEB_AND_PHONES),
    "laposte": _make_client("LaPoste.net", "laposte", _WEB_AND_PHONES),
    "mail-ru": _make_single("Mail.ru", "mail-ru.desktop-webmail"),
}


def list_lacking_features(platform: str) -> frozenset[str]:
    """Return the features that a platform lacks entirely, not those that it has in part or was never tested for."""
    return _load_lacking()[platform]


def list_known_features() -> frozenset[str]:
    return frozenset(_load_data()["features"])


def read_data_date() -> str:
    """Return the date of the data, such as `2026-05-13`."""
    return str(_load_data()["date"])


def check_known(clients: Iterable[str]) -> None:
    """Check that every client is known. Raises ConfigError."""
    for client in clients:
        if client not in CLIENTS:
            raise ConfigError(
                f"{quote_text(client)} is no mail client that can be checked.",
                next_step=suggest_nearest(client, list(CLIENTS)) or f"Those known are {', '.join(CLIENTS)}.",
            )


def name_clients(lack: Mapping[str, Collection[str]]) -> str:
    """Name clients, and platforms where only some lack it: `Gmail on the web, Yahoo on phones (iOS) and HEY`."""
    return join_words([_name_client(CLIENTS[client], platforms) for client, platforms in lack.items() if platforms])


def _name_client(client: Client, platforms: Collection[str]) -> str:
    words = [word for platform, word in client.platforms.items() if platform in platforms]
    return client.name if len(words) == len(client.platforms) else f"{client.name} ({join_words(words)})"


@cache
def _load_lacking() -> Mapping[str, frozenset[str]]:
    data = _load_data()
    return {
        platform: frozenset(slug for slug, feature in data["features"].items() if feature["results"][number] == "n")
        for number, platform in enumerate(data["platforms"])
    }


@cache
def _load_data() -> dict[str, Any]:
    data: dict[str, Any] = json.loads(files(__package__).joinpath("caniemail.json").read_text(encoding="utf-8"))
    return data
