"""Table of the exports that are recognised, the more telling before the less.

Their columns were looked up in public descriptions, in these programs' source where it is public (Ghost, listmonk,
Mailman), and in other programs that read them.
"""

from collections.abc import Collection

from newsletter.subscribers.feedback_events import SuppressionKind
from newsletter.subscribers.list_formats.list_format import ListFormat
from newsletter.subscribers.subscriber import SubscriberStatus
from newsletter.subscribers.suppression_status import MAILABLE

_UNSUBSCRIBED, _BOUNCED, _COMPLAINED = (
    SuppressionKind.UNSUBSCRIBED.value,
    SuppressionKind.BOUNCED.value,
    SuppressionKind.COMPLAINED.value,
)
_SUPPRESSED = SuppressionKind.SUPPRESSED.value
_PENDING = SubscriberStatus.PENDING.value
_YES = {"true": MAILABLE, "1": MAILABLE, "yes": MAILABLE}
_NO = {"false": _UNSUBSCRIBED, "0": _UNSUBSCRIBED, "no": _UNSUBSCRIBED, "": _UNSUBSCRIBED}

_MAILCHIMP_EMAIL = ("email_address", "email")
_MAILCHIMP_AGREED = ("confirm_time", "optin_time")
_MAILCHIMP_EVIDENCE = ("optin_time", "optin_ip", "confirm_time", "confirm_ip")
_MAILCHIMP_DROPPED = (
    *_MAILCHIMP_EVIDENCE, "member_rating", "latitude", "longitude", "gmtoff", "dstoff", "timezone", "last_changed",
    "leid", "euid", "notes", "email_type", "unsub_time", "unsub_campaign_title", "unsub_campaign_id", "unsub_reason",
    "unsub_reason_other", "clean_time", "clean_campaign_title", "clean_campaign_id", "clean_reason",
)  # fmt: skip


def _mailchimp(name: str, telling: str, left: SuppressionKind | None = None) -> ListFormat:
    """Return the form of one of the three files of Mailchimp's export: subscribed, unsubscribed, cleaned."""
    return ListFormat(
        name=name,
        telling=[frozenset([column, telling, "member_rating"]) for column in _MAILCHIMP_EMAIL]
        + [frozenset([column, telling, "leid"]) for column in _MAILCHIMP_EMAIL],
        email=_MAILCHIMP_EMAIL,
        given_names=("first_name", "last_name"),
        tags=("tags",),
        language=("language",),
        time_zone=("timezone",),
        everyone=left,
        left_at={telling: left} if left else {},
        reasons=("unsub_reason", "clean_reason"),
        agreed=_MAILCHIMP_AGREED,
        evidence=_MAILCHIMP_EVIDENCE,
        dropped=_MAILCHIMP_DROPPED,
    )


FORMATS: Collection[ListFormat] = (
    _mailchimp("Mailchimp, unsubscribed", "unsub_time", SuppressionKind.UNSUBSCRIBED),
    _mailchimp("Mailchimp, cleaned", "clean_time", SuppressionKind.BOUNCED),
    _mailchimp("Mailchimp, subscribed", "confirm_time"),
    ListFormat(
        name="Substack",
        telling=[frozenset(["email", "active_subscription", column]) for column in ("expiry", "email_disabled")],
        email=("email",),
        status=("email_disabled",),
        words={
            "": MAILABLE,
            **dict.fromkeys(("false", "0", "no"), MAILABLE),
            **dict.fromkeys(_YES, _UNSUBSCRIBED),
        },
        agreed=("created_at",),
        evidence=("created_at",),
        dropped=("created_at", "expiry", "first_payment_at", "email_disabled"),
    ),
    ListFormat(
        name="Ghost",
        telling=[frozenset(["email", "subscribed_to_emails", "complimentary_plan"])],
        email=("email",),
        tags=("labels",),
        status=("subscribed_to_emails",),
        words=_YES | _NO,
        left_at={"deleted_at": SuppressionKind.UNSUBSCRIBED},
        agreed=("created_at",),
        evidence=("created_at",),
        dropped=("id", "stripe_customer_id", "created_at", "gift_id", "note", "complimentary_plan"),
    ),
    ListFormat(
        name="Buttondown",
        telling=[
            frozenset([email, "creation_date", kind])
            for email in ("email", "email_address")
            for kind in ("subscriber_type", "type", "unsubscription_date")
        ],
        email=("email", "email_address"),
        tags=("tags",),
        status=("subscriber_type", "type"),
        words={
            **dict.fromkeys(
                ("regular", "premium", "gifted", "trialed", "paid", "free", "past_due", "churning"), MAILABLE
            ),
            **dict.fromkeys(("unactivated", "unconfirmed", "upcoming"), _PENDING),
            **dict.fromkeys(("unsubscribed", "removed"), _UNSUBSCRIBED),
            **dict.fromkeys(("undeliverable", "bounced"), _BOUNCED),
            "complained": _COMPLAINED,
            "paused": SubscriberStatus.PAUSED.value,
        },
        left_at={"unsubscription_date": SuppressionKind.UNSUBSCRIBED},
        reasons=("unsubscription_reason",),
        agreed=("creation_date",),
        evidence=("creation_date", "source", "ip_address", "referrer_url"),
        dropped=(
            "id",
            "secondary_id",
            "creation_date",
            "subscription_date",
            "source",
            "ip_address",
            "referrer_url",
            "notes",
            "open_rate",
            "click_rate",
            "last_open_date",
            "last_click_date",
            "email_transitions",
            "unsubscription_reason",
            "utm_campaign",
            "utm_medium",
            "utm_source",
        ),
    ),
    ListFormat(
        name="listmonk",
        telling=[frozenset(["uuid", "email", "name", "attributes", "status"])],
        email=("email",),
        status=("status",),
        words={
            "enabled": MAILABLE,
            "confirmed": MAILABLE,
            "unconfirmed": _PENDING,
            "unsubscribed": _UNSUBSCRIBED,
            "blocklisted": _SUPPRESSED,
            "disabled": _SUPPRESSED,
        },
        agreed=("created_at",),
        evidence=("created_at",),
        dropped=("uuid", "created_at", "updated_at"),
    ),
    ListFormat(
        name="Constant Contact",
        telling=[frozenset(["email_address", "email_status"]), frozenset(["email_address", "email_permission_status"])],
        email=("email_address",),
        given_names=("first_name", "last_name"),
        tags=("tags", "email_lists"),
        status=("email_status",),
        words={
            "active": MAILABLE,
            "awaiting confirmation": _PENDING,
            "unsubscribed": _UNSUBSCRIBED,
            "opted out": _UNSUBSCRIBED,
            "bounced": _BOUNCED,
            "no permissions set": _PENDING,
            "": _PENDING,
        },
        left_at={"confirmed_opt_out_date": SuppressionKind.UNSUBSCRIBED},
        reasons=("confirmed_opt_out_reason",),
        agreed=("created_at",),
        evidence=("created_at", "email_permission_status", "source_name", "source"),
        dropped=("email_permission_status", "updated_at", "confirmed_opt_out_source", "confirmed_opt_out_reason"),
    ),
    ListFormat(
        name="Google Contacts",
        telling=[frozenset(["e_mail_1_value"])],
        email=("e_mail_1_value",),
        given_names=("first_name", "given_name", "middle_name", "additional_name", "last_name", "family_name"),
        tags=("labels", "group_membership"),
        keeps_fields=False,
    ),
    ListFormat(
        name="Outlook",
        telling=[frozenset(["e_mail_address", column]) for column in ("first_name", "e_mail_type")],
        email=("e_mail_address",),
        given_names=("first_name", "middle_name", "last_name"),
        tags=("categories",),
        keeps_fields=False,
        code_page="cp1252",
    ),
)


def recognise_format(columns: Collection[str]) -> ListFormat | None:
    """Return the form of an export by its columns' names, None when no program of the table writes such."""
    return next((one for one in FORMATS if one.matches(columns)), None)
