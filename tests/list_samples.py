"""Exports of other programs, written from the public description of their columns, and what each of them says."""

from collections.abc import Mapping
from dataclasses import dataclass

_MAILCHIMP_END = (
    "MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,LATITUDE,LONGITUDE,GMTOFF,DSTOFF,TIMEZONE,CC,REGION,"
    "LAST_CHANGED,LEID,EUID,NOTES,TAGS"
)
SUBSCRIBED = (
    f'"Email Address","First Name","Last Name",City,{_MAILCHIMP_END}\n'
    "ada@example.org,Ada,Lovelace,London,4,2019-02-03 10:00:00,192.0.2.7,2019-02-03 10:05:00,192.0.2.8,51.5,-0.1,0,1,"
    'Europe/London,GB,LND,2020-01-01 00:00:00,101,a1,"said ""hello""","""Board members"",""press"""\n'
    "left@example.org,Lea,Left,,2,,,2019-02-03 10:05:00,,,,,,,,,,102,a2,,\n"
)
UNSUBSCRIBED = (
    '"Email Address","First Name",MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,'
    "UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,TAGS\n"
    "LEFT@example.org,Lea,2,,2019-02-03 10:05:00,2021-04-05 06:07:08,June,c1,NO_LONGER_INTERESTED,,102,a2,\n"
    "late@example.org,Leo,2,,,,,,,,103,a3,\n"
)
CLEANED = (
    '"Email Address","First Name",MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,'
    "CLEAN_CAMPAIGN_ID,LEID,EUID\n"
    "gone@example.org,Gus,1,,,2022-01-02 03:04:05,May,c2,104,a4\n"
)


@dataclass(frozen=True)
class ListSample:
    """An export, and what is known after it was imported: name, status, tags by address, and why nothing is sent."""

    form: str
    text: str
    rows: Mapping[str, tuple[str, str, set[str]]]
    suppressed: Mapping[str, str]
    agreed: Mapping[str, tuple[str, str]]


SAMPLES = [
    ListSample(
        "Mailchimp, subscribed",
        SUBSCRIBED,
        {
            "ada@example.org": ("Ada Lovelace", "active", {"board-members", "press"}),
            "left@example.org": ("Lea Left", "active", set()),
        },
        {},
        {
            "ada@example.org": (
                "2019-02-03T10:05:00.000+00:00",
                "optin_time 2019-02-03 10:00:00, optin_ip 192.0.2.7, confirm_time 2019-02-03 10:05:00, "
                "confirm_ip 192.0.2.8",
            )
        },
    ),
    ListSample(
        "Mailchimp, unsubscribed",
        UNSUBSCRIBED,
        {"left@example.org": ("Lea", "left", set()), "late@example.org": ("Leo", "left", set())},
        {"left@example.org": "unsubscribed", "late@example.org": "unsubscribed"},
        {"left@example.org": ("2019-02-03T10:05:00.000+00:00", "confirm_time 2019-02-03 10:05:00")},
    ),
    ListSample(
        "Mailchimp, cleaned",
        CLEANED,
        {"gone@example.org": ("Gus", "left", set())},
        {"gone@example.org": "bounced"},
        {},
    ),
    ListSample(
        "Substack",
        "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n"
        "free@example.org,false,,other,false,2025-01-01T08:00:00.000Z,\n"
        "off@example.org,true,2026-01-01,yearly,true,2025-01-02T08:00:00.000Z,2025-01-02\n",
        {"free@example.org": ("", "active", set()), "off@example.org": ("", "left", set())},
        {"off@example.org": "unsubscribed"},
        {"free@example.org": ("2025-01-01T08:00:00.000+00:00", "created_at 2025-01-01T08:00:00.000Z")},
    ),
    ListSample(
        "Ghost",
        "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,labels,tiers\n"
        'm1,grace@example.org,Grace Hopper,"VIP",true,false,,2024-01-15T10:00:00.000Z,,"Early birds,press",\n'
        "m2,no@example.org,No,,false,false,,2024-01-16T10:00:00.000Z,,,\n",
        {
            "grace@example.org": ("Grace Hopper", "active", {"early-birds", "press"}),
            "no@example.org": ("No", "left", set()),
        },
        {"no@example.org": "unsubscribed"},
        {"grace@example.org": ("2024-01-15T10:00:00.000+00:00", "created_at 2024-01-15T10:00:00.000Z")},
    ),
    ListSample(
        "Buttondown",
        "email,notes,metadata,tags,subscriber_type,source,creation_date,unsubscription_date,unsubscription_reason\n"
        'reg@example.org,,{},"vip, press",regular,embedded_form,2023-05-06T07:08:09Z,,\n'
        "new@example.org,,{},,unactivated,api,2023-05-06T07:08:09Z,,\n"
        "gone@example.org,,{},,undeliverable,api,2023-05-06T07:08:09Z,,\n"
        "spam@example.org,,{},,complained,api,2023-05-06T07:08:09Z,,\n"
        "odd@example.org,,{},,a_word_of_tomorrow,api,2023-05-06T07:08:09Z,,\n"
        "left@example.org,,{},,unsubscribed,api,2023-05-06T07:08:09Z,2024-02-03T00:00:00Z,too much\n",
        {
            "reg@example.org": ("", "active", {"vip", "press"}),
            "new@example.org": ("", "pending", set()),
            "gone@example.org": ("", "left", set()),
            "spam@example.org": ("", "left", set()),
            "odd@example.org": ("", "left", set()),
            "left@example.org": ("", "left", set()),
        },
        {"gone@example.org": "bounced", "spam@example.org": "complained", "left@example.org": "unsubscribed"},
        {
            "reg@example.org": (
                "2023-05-06T07:08:09.000+00:00",
                "creation_date 2023-05-06T07:08:09Z, source embedded_form",
            )
        },
    ),
    ListSample(
        "Buttondown",  # as its documentation had the columns in August 2026
        "id,secondary_id,email,notes,subscriber_type,referrer_url,utm_source,utm_medium,utm_campaign,creation_date,"
        "ip_address,subscription_date,unsubscription_date,tags,metadata\n"
        "a1,7,liz@example.org,Met in Riga.,regular,https://example.org/,,,,2024-03-13 00:03:09.183465+00:00,192.0.2.1,"
        "2024-03-13 00:03:09.183465+00:00,,corporate;nyc,\"{'staff': 'true'}\"\n"
        "a2,8,gone@example.org,,regular,,,,,2024-03-13 00:03:09.183465+00:00,,,2024-04-08 17:09:32.596959+00:00,,{}\n",
        {"liz@example.org": ("", "active", {"corporate", "nyc"}), "gone@example.org": ("", "left", set())},
        {"gone@example.org": "unsubscribed"},
        {
            "liz@example.org": (
                "2024-03-13T00:03:09.183+00:00",
                "creation_date 2024-03-13 00:03:09.183465+00:00, ip_address 192.0.2.1, referrer_url https://example.org/",
            )
        },
    ),
    ListSample(
        "listmonk",
        "uuid,email,name,attributes,status,created_at,updated_at\n"
        'u1,on@example.org,Olga,"{""city"": ""Riga""}",enabled,2021-02-03 10:00:00.123456 +0000 +0000,2021-02-03\n'
        "u2,block@example.org,Ben,{},blocklisted,2021-02-03 10:00:00 +0200 EET,2021-02-03\n",
        {"on@example.org": ("Olga", "active", set()), "block@example.org": ("Ben", "left", set())},
        {},
        {"on@example.org": ("2021-02-03T10:00:00.123+00:00", "created_at 2021-02-03 10:00:00.123456 +0000 +0000")},
    ),
    ListSample(
        "Constant Contact",
        '"Email address","First name","Last name","Email status","Email permission status","Email Lists","Created At",'
        '"Confirmed Opt-Out Date","Confirmed Opt-Out Reason"\n'
        'act@example.org,Ann,Ace,Active,Express,"General Interest",2020-03-04 05:06:07,,\n'
        "wait@example.org,Wim,,Awaiting Confirmation,,,2020-03-04 05:06:07,,\n"
        "none@example.org,Non,,,,,,,\n"
        "out@example.org,Oz,,Unsubscribed,,,2020-03-04 05:06:07,2022-03-04 05:06:07,no time\n",
        {
            "act@example.org": ("Ann Ace", "active", {"general-interest"}),
            "wait@example.org": ("Wim", "pending", set()),
            "none@example.org": ("Non", "pending", set()),
            "out@example.org": ("Oz", "left", set()),
        },
        {"out@example.org": "unsubscribed"},
        {
            "act@example.org": (
                "2020-03-04T05:06:07.000+00:00",
                "created_at 2020-03-04 05:06:07, email_permission_status Express",
            )
        },
    ),
    ListSample(
        "Mailman",
        'Anne Person <anne@example.com>\nbart@example.com\n\n"Person, Cris" <cris@example.com>\n',
        {
            "anne@example.com": ("Anne Person", "active", set()),
            "bart@example.com": ("", "active", set()),
        },
        {},
        {},
    ),
    ListSample(
        "Google Contacts",
        "First Name,Middle Name,Last Name,Labels,E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value\n"
        "Ada,,Lovelace,Friends ::: * myContacts,Work,ada@example.org,Mobile,+1 555 0100\n",
        {"ada@example.org": ("Ada Lovelace", "active", {"friends"})},
        {},
        {},
    ),
    ListSample(
        "Outlook",
        "First Name,Middle Name,Last Name,Title,Company,E-mail Address,E-mail Type,Categories,Home Phone\n"
        "Zoe,,Zen,Dr,Acme,zoe@example.org,SMTP,Press;Board,555\n",
        {"zoe@example.org": ("Zoe Zen", "active", {"press", "board"})},
        {},
        {},
    ),
]
