"""Forms in which other programs take a list, for those who move away: headings, and what each column has."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from newsletter.subscribers.list_formats.exported_file import is_member_name


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenForm:
    """A program's form. `columns` are headings with what is below: `{name}` and the like, or the same in each row."""

    columns: Mapping[str, str]
    tags_between: str = ","


WRITTEN_FORMS: Mapping[str, WrittenForm] = {
    "mailchimp": WrittenForm(
        columns={
            "Email Address": "{email}",
            "First Name": "{first}",
            "Last Name": "{last}",
            "MEMBER_RATING": "",
            "CONFIRM_TIME": "",
            "TAGS": "{tags}",
        }
    ),
    "substack": WrittenForm(
        columns={"email": "{email}", "active_subscription": "false", "expiry": "", "email_disabled": "false"}
    ),
    "ghost": WrittenForm(
        columns={
            "email": "{email}",
            "name": "{name}",
            "subscribed_to_emails": "true",
            "complimentary_plan": "false",
            "labels": "{tags}",
        }
    ),
    "buttondown": WrittenForm(
        columns={"email": "{email}", "tags": "{tags}", "subscriber_type": "regular", "creation_date": ""}
    ),
    "listmonk": WrittenForm(
        columns={
            "uuid": "",
            "email": "{email}",
            "name": "{name}",
            "attributes": "{attributes}",
            "status": "enabled",
        }
    ),
    "constant-contact": WrittenForm(
        columns={
            "Email address": "{email}",
            "First name": "{first}",
            "Last name": "{last}",
            "Email status": "Active",
            "Tags": "{tags}",
        }
    ),
    "google": WrittenForm(
        columns={"First Name": "{first}", "Last Name": "{last}", "Labels": "{tags}", "E-mail 1 - Value": "{email}"},
        tags_between=" ::: ",
    ),
    "outlook": WrittenForm(
        columns={
            "First Name": "{first}",
            "Last Name": "{last}",
            "E-mail Address": "{email}",
            "E-mail Type": "SMTP",
            "Categories": "{tags}",
        },
        tags_between=";",
    ),
    "mailman": WrittenForm(columns={"": "{member}"}),
}


def write_in_form(rows: Iterator[Sequence[str]], form: WrittenForm) -> Iterator[Sequence[str]]:
    """Yield the headings, and each row of a list, which begins with its columns' names, in a program's form. Streams.

    A name is parted before its last word, where the form has it in two columns.
    """
    columns = next(rows)
    yield list(form.columns)
    for cells in rows:
        row = dict(zip(columns, cells, strict=True))
        email, name, tags = row.get("email", ""), row.get("name", ""), row.get("tags", "").split(";")
        first, _, last = name.rpartition(" ") if " " in name else (name, "", "")
        others = {key: value for key, value in row.items() if key not in ("email", "name", "tags") and value}
        values = {
            "{email}": email,
            "{name}": name,
            "{first}": first,
            "{last}": last,
            "{tags}": form.tags_between.join(filter(None, tags)),
            "{attributes}": json.dumps({**others, "tags": [tag for tag in tags if tag]}, ensure_ascii=False),
            "{member}": f"{name} <{email}>" if is_member_name(name) else email,
        }
        yield [values.get(what, what) for what in form.columns.values()]
