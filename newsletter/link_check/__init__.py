"""The check of an issue's links: each is asked, and what is dead, moved or tracked is told.

`plan_link_check` reads the issue's links and asks nothing; `asking.LinkAsker` asks, and brings httpx, so import it
where it is used; `report_links` says what the answers mean for the draft.
"""

from newsletter.link_check.link_answer import LinkAnswer, Verdict
from newsletter.link_check.link_plan import LinkPlan, plan_link_check
from newsletter.link_check.link_report import LinkReport, describe_links, report_links

__all__ = ["LinkAnswer", "LinkPlan", "LinkReport", "Verdict", "describe_links", "plan_link_check", "report_links"]
