"""The rules by which a worker sends, as newsletter.toml has them, and the progress that it shows meanwhile."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from newsletter.mail.dkim import DkimSigner
from newsletter.mail.message import Message, Outcome
from newsletter.mail.recipient_tags import RecipientTags
from newsletter.throttle.domains import DomainLimit
from newsletter.throttle.holds import Hold
from newsletter.workspace import Workspace

_PATIENCE_S = 300.0  # with a server that takes nothing and asks for less


@dataclass(frozen=True, kw_only=True)
class WorkerProgress:
    """Progress of a worker.

    `deferred` in the tally are those who may be tried again; `resting_until` is when, in seconds since 1970, while
    nothing else is left to do. `leased` counts deliveries in hand of another worker, which crashed or still sends; then
    it rests until that one's lease ends. `hold` is what holds the send now; its `until` is in seconds since 1970, as
    resting_until is. `rate` is how many messages a second may leave, None as fast as it goes. `left` are those who wait
    for their message, and `eta` the seconds until the last of them has it, None while that is not known.
    """

    tally: Counter[Outcome]
    resting_until: float | None = None
    leased: int = 0
    hold: Hold | None = None
    rate: float | None = None
    left: int = 0
    eta: float | None = None


OnProgress = Callable[[WorkerProgress], None]


@dataclass(frozen=True, kw_only=True)
class SendingRules:
    """Rules that the publication sets for its workers.

    `waits` and `patience` are seconds, see Dispatcher; `refusals` is a share of 1, and `blocks` a number in a row, see
    Refusals; `recipient_tags` identify each copy in its links and return path; `signer` adds DKIM signatures.
    `warm_up` is how many readers the first sending through a server has; None: all of them.
    `domains` are the limits of single domains; "*" is each other one.
    """

    waits: Sequence[float] = ()
    refusals: float | None = None
    blocks: int = 3
    patience: float = _PATIENCE_S
    recipient_tags: RecipientTags = field(default_factory=RecipientTags)
    signer: DkimSigner | None = None
    warm_up: int | None = None
    domains: Mapping[str, DomainLimit] = field(default_factory=dict)

    @classmethod
    def from_workspace(cls, workspace: Workspace) -> "SendingRules":
        """Return the rules in newsletter.toml. Raises ConfigError for a key that is missing or can't be used."""
        config = workspace.config
        return cls(
            waits=[60 * minutes for minutes in config.send.retries],
            refusals=config.send.refusals / 100,
            blocks=config.send.blocks,
            patience=max(_PATIENCE_S, 60 * sum(config.send.retries)),
            recipient_tags=RecipientTags.from_workspace(workspace),
            signer=_load_signer(workspace),
            warm_up=config.send.warm_up,
            domains={
                domain: DomainLimit(
                    per_second=table.messages_per_second,
                    per_hour=table.messages_per_hour,
                    at_once=table.connections,
                )
                for domain, table in config.send.domains.items()
            },
        )


def load_signature(workspace: Workspace) -> Callable[[Message], Message] | None:
    """Return what signs a message (DKIM, RFC 6376), None when nothing does. Raises ConfigError."""
    signer = _load_signer(workspace)
    return signer.sign if signer else None


def _load_signer(workspace: Workspace) -> DkimSigner | None:
    return DkimSigner.from_config(workspace.config, workspace.root, workspace.config_path)
