"""The summary of a runner's job: what it says when nothing was sent, and that nothing in it is markup."""

from markdown_it import MarkdownIt

from newsletter.actions.send_in_ci import RunnerReport
from newsletter.errors import NewsletterError
from newsletter.issue_name import IssueName
from newsletter.reports.job_summary import format_job_summary


def test_a_job_that_sent_nothing_says_which_approval_is_void() -> None:
    done = RunnerReport(void=[(IssueName("2.10"), "since then the PDF changed, says ada@example.org")])
    summary = _show(format_job_summary("The Digest", done))
    assert "2.10 is not sent: an approval of it is void: since then the PDF changed" in summary
    assert "Nothing was to be sent" not in summary
    assert "example.org" not in summary


def test_a_job_says_who_has_the_state() -> None:
    summary = _show(format_job_summary("The Digest", RunnerReport(waits_for="https://forge.example/run/7")))
    assert "forge.example/run/7" in summary
    assert "Nothing was to be sent" not in summary


def test_words_of_others_are_no_markup_and_mention_nobody() -> None:
    error = NewsletterError("<img src=x> **loud** @ada #12", next_step="- [a](https://example.org)")
    summary = format_job_summary("The [Digest](x) <b>", RunnerReport(error=error))
    shown = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(summary)
    assert [tag for tag in ("<img", "<a ", "<b>") if tag in shown] == []
    assert "@ada" not in summary
    assert "#12" not in summary


def _show(summary: str) -> str:
    return summary.replace("\u200b", "").replace("\\", "")
