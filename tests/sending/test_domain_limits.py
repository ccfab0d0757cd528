"""A domain's limit holds over real sockets, and never keeps the readers of another domain waiting."""

import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from conftest import Publication
from frozen import Frozen
from smtp_server import Provider, provider

from newsletter.backends.smtp import SmtpBackend
from newsletter.ledger.states import State
from newsletter.sending.rules import SendingRules, WorkerProgress
from newsletter.store import Store, open_store
from newsletter.throttle.domains import DomainLimit


def _freeze(publication: Publication, store: Store, domains: list[str]) -> Frozen:
    """Freeze a campaign with a reader of each of these domains, in their order."""

    class _Readers(Publication):
        def readers(self, count: int) -> list[str]:
            names = [f"reader{number:04}@{domains[number]}" for number in range(count)]
            rows = "".join(f"{name},Reader\n" for name in names)
            self.workspace.subscribers.write_text(f"email,name\n{rows}")
            return names

    return Frozen(_Readers(publication.root), store, len(domains))


def _send(
    campaign: Frozen, domains: dict[str, DomainLimit], connections: int = 4
) -> tuple[list[tuple[float, str]], list[WorkerProgress], Counter[str]]:
    """Return when the server took a message for whom, what was shown, and how many were under way at most by domain."""
    taken: list[tuple[float, str]] = []
    shown: list[WorkerProgress] = []
    under_way: Counter[str] = Counter()
    most: Counter[str] = Counter()

    def say(server: Provider, number: int, command: str) -> str | None:
        domain = server.recipients.get(number, "").partition("@")[2].rstrip(">")
        if command == "DATA":
            under_way[domain] += 1
            most[domain] = max(most[domain], under_way[domain])
        if command == "TEXT":
            under_way[domain] -= 1
            taken.append((time.monotonic(), domain))
        return None

    with provider(say) as server:
        settings = SmtpBackend.Settings(
            host="127.0.0.1", port=server.port, security="none", connections=connections, helo="localhost"
        )
        rules = SendingRules(domains=domains)
        campaign.send_through(SmtpBackend(settings, Path()), rules, shown.append)
        assert max(Counter(server.accepted).values()) == 1
    return taken, shown, most


def test_a_domain_at_its_limit_keeps_no_other_waiting(publication: Publication, tmp_path: Path) -> None:
    """All its readers stand first in the list, many more than are claimed at once."""
    domains = ["slow.example"] * 120 + ["fast.example"] * 120
    with closing(open_store(tmp_path / "state.db")) as store:
        campaign = _freeze(publication, store, domains)
        taken, shown, _ = _send(campaign, {"slow.example": DomainLimit(per_second=60)})
        assert campaign.states() == {State.ACCEPTED: 240}
    slow = [at for at, domain in taken if domain == "slow.example"]
    fast = [at for at, domain in taken if domain == "fast.example"]
    assert len(slow) == len(fast) == 120
    # The slow domain takes two seconds, whatever this machine does meanwhile. The other one does not wait for it.
    assert slow[-1] - slow[0] >= 119 / 60 - 0.1
    assert sum(at > fast[-1] for at in slow) >= 5
    held = [one.hold.words for one in shown if one.hold is not None]
    assert "slow.example gets no more than 60 messages a second, as the settings say" in held
    etas = [one.eta for one in shown if one.eta is not None and one.left > 100]
    assert etas
    assert max(etas) > 1


def test_the_default_is_each_other_domain_s_and_an_hour_is_used_up(publication: Publication, tmp_path: Path) -> None:
    domains = [f"d{number % 3}.example" for number in range(30)]
    with closing(open_store(tmp_path / "state.db")) as store:
        campaign = _freeze(publication, store, domains)
        limits = {"*": DomainLimit(at_once=1), "d1.example": DomainLimit(at_once=2)}
        taken, _, most = _send(campaign, limits)
        assert campaign.states() == {State.ACCEPTED: 30}
    assert Counter(domain for _, domain in taken) == {"d0.example": 10, "d1.example": 10, "d2.example": 10}
    assert most["d0.example"] == most["d2.example"] == 1
    assert most["d1.example"] <= 2


def test_settings_name_domains_as_addresses_have_them() -> None:
    tables = {"Gmail.com": {"messages_per_second": 5}, "bücher.example": {"connections": 2}, "*": {}}
    known = _read(tables)
    assert set(known) == {"gmail.com", "xn--bcher-kva.example", "*"}
    for wrong in ({"not a domain": {}}, {"a@b.example": {}}, {"gmail.com": {}, "GMAIL.com": {}}):
        with pytest.raises(ValueError, match=r"domain|two tables"):
            _read(wrong)


def _read(tables: dict[str, dict[str, float]]) -> dict[str, object]:
    from newsletter.config.settings import SendSettings

    return dict(SendSettings.model_validate({"domains": tables}).domains)
