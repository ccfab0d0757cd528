"""How many readers get which language, as the commands that send show it."""

from collections import Counter
from collections.abc import Mapping

from newsletter.campaigns.plan import SendPlan
from newsletter.cli.output import say
from newsletter.config import Config
from newsletter.subscribers.subscriber import LANGUAGE_COLUMNS
from newsletter.text import format_count, quote_text
from newsletter.translation import describe_language

_SHOWN = 5


def show_subjects(config: Config, plan: SendPlan) -> None:
    """Print the subject and the sender of what goes out, in each language."""
    several = len(plan.samples) > 1
    order = ["", *config.translations]  # as they are frozen; the publication's own is empty
    # What was frozen in a language that is declared no more, comes last.
    samples = sorted(plan.samples.items(), key=lambda pair: [*order, pair[0]].index(pair[0]))
    for header in ("Subject", "From"):
        lines = {language: sample.decode_header(header) for language, sample in samples}
        if not several or len({*lines.values()}) == 1:
            say(f"  {header:9} {next(iter(lines.values()))}")
            continue
        for number, (language, line) in enumerate(lines.items()):
            say(f"  {'' if number else header:9} {name_language(config, language)}: {line}")


def show_languages(config: Config, plan: SendPlan) -> None:
    """Print how many of those who are added get which language, and why some get another than their own."""
    rows = plan.batch.languages if plan.batch else ()
    if not rows:
        return
    counts, unsaid, asked = Counter[str](), Counter[str](), Counter[str]()
    fallback = Counter[str]()
    for row in rows:
        counts[row.language] += row.recipients
        if row.asked is None:
            unsaid[row.language] += row.recipients
        elif row.asked:
            asked[row.asked] += row.recipients
            fallback[row.language] += row.recipients
    say(f"  Language  {count_in_languages(config, counts)}")
    for language, count in unsaid.items():
        why = f"of whom the list does not say (column {LANGUAGE_COLUMNS[0]!r})"
        say(f"  Note      {name_language(config, language)} for {format_count(count, 'reader')} {why}", style="yellow")
    for language, count in fallback.items():
        words = ", ".join(f"{quote_text(text)} {number:,}" for text, number in asked.most_common(_SHOWN))
        more = f" and {len(asked) - _SHOWN:,} more" if len(asked) > _SHOWN else ""
        what = f"who want it in a language that it is not in ({words}{more})"
        say(f"  Note      {name_language(config, language)} for {format_count(count, 'reader')} {what}", style="yellow")


def count_in_languages(config: Config, counts: Mapping[str, int]) -> str:
    """Return the numbers of readers by language, most first: English 1,203, Japanese 214."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name_language(config, language)} {count:,}" for language, count in ordered)


def name_language(config: Config, language: str) -> str:
    """Return the name of a language as it is frozen: empty for the publication's own."""
    return describe_language(language or config.publication.language)
