"""The tables of newsletter.toml, each a class of settings, and the types of their values."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    model_validator,
)

from newsletter.address import subscriber_key
from newsletter.config import validators
from newsletter.config.approval_settings import ApprovalSettings, check_approval
from newsletter.config.check_settings import LinkSettings, ProseSettings
from newsletter.config.ci_settings import CiSettings
from newsletter.config.domain_settings import DomainSettings, check_domains
from newsletter.config.edition_settings import LayoutSettings, PdfSettings, TypographySettings
from newsletter.config.language_settings import LanguageSettings, check_languages, find_declared, put_language_over
from newsletter.config.list_settings import SubscriberListSettings
from newsletter.config.mail_settings import DkimSettings, EmailSettings, InboxSettings, SenderSettings
from newsletter.config.preference_settings import PreferenceSettings
from newsletter.config.section import Section
from newsletter.config.service_settings import ServiceSettings
from newsletter.config.signup_settings import SignupSettings
from newsletter.config.theme import Theme
from newsletter.config.validators import Address, OneLine
from newsletter.issue_name import Numbering
from newsletter.text import without_invisible
from newsletter.translation import Translator, find_direction, load_translator
from newsletter.validation import fault_error


class PublicationSettings(Section):
    """The table [publication]: title, language, rhythm, addresses, and by what its issues are named (`numbering`).

    `id` names it in the store, where that is to be another name than the folder's.
    """

    title: OneLine
    id: Annotated[str, AfterValidator(validators.check_publication_id)] | None = None
    language: Annotated[str, AfterValidator(validators.check_language)] = "en"
    cadence: Literal["weekly", "biweekly", "monthly"] = "biweekly"
    new_volume: Literal["yearly", "never"] = "yearly"
    numbering: Numbering = "volume"
    timezone: Annotated[str, AfterValidator(validators.check_timezone)] = "UTC"
    about: Annotated[str, AfterValidator(without_invisible)] = ""
    contact: Address
    website: Annotated[str, AfterValidator(validators.check_web_address)] | None = None

    def address(self, name: str) -> str | None:
        """Return the address of the file `name` of the exported site; None without a website."""
        return f"{self.website.rstrip('/')}/{name}" if self.website else None

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """Return the direction in which the publication's language is written."""
        return find_direction(self.language)


def _check_linked_images(email: EmailSettings, info: ValidationInfo) -> EmailSettings:
    publication = info.data.get("publication")
    service = info.data.get("service")
    if email.images == "link" and publication and not publication.website and not (service and service.url):
        raise fault_error(
            code="website",
            message="images are to be linked, and the publication has no web address",
            next_step="Give [publication] a website (where you put what `newsletter export site` makes), "
            'or write images = "attach".',
        )
    return email


def _check_sign_up_address(signup: SignupSettings, info: ValidationInfo) -> SignupSettings:
    """Check that [signup] mail is for joining alone: whoever writes there is put on the list."""
    subscriber_list, sender = info.data.get("subscriber_list"), info.data.get("sender")
    if signup.mail is None or subscriber_list is None or sender is None:  # what is wrong there is told
        return signup
    leaving = subscriber_list.unsubscribe.removeprefix("mailto:").partition("?")[0]
    others = {
        "[list] unsubscribe": leaving,
        "[sender] from": sender.from_.address,
        "[sender] reply_to": sender.reply_to,
        "[sender] bounces": sender.bounces,
    }
    for name, address in others.items():
        if address and subscriber_key(address) == subscriber_key(signup.mail):
            raise fault_error(
                code="signup-mail",
                message=f"[signup] mail is the address of {name} as well, and whoever writes there would join",
                next_step='Give [signup] mail an address of its own, such as "join@example.org".',
            )
    return signup


# Conditions for sending an issue, see newsletter/campaigns/gates.py.
Requirement = Literal["clean-checks", "committed", "tested", "approved"]


class SendSettings(Section):
    """The table [send]: how issues are sent.

    `retries` are the minutes to wait before each further try of a recipient whom the server defers. `refusals` is the
    percentage of refused recipients at which sending stops and asks, `blocks` the number of refusals for the server's
    policy, with nobody accepted between them, at which it stops. `warm_up` is how many readers the first sending
    through a server has; each next one has twice as many. `domains` are limits on what goes to single domains.
    """

    backend: str = "smtp"
    testers: Annotated[tuple[Address, ...], BeforeValidator(validators.split_commas)] = ()
    require: Annotated[tuple[Requirement, ...], BeforeValidator(validators.split_commas)] = ()
    retries: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1440)], ...],
        BeforeValidator(validators.split_commas),
        Field(max_length=20),
    ] = (1, 5, 15)
    refusals: Annotated[float, Field(gt=0, le=100)] = 10
    blocks: Annotated[int, Field(ge=1, le=1000)] = 3
    warm_up: Annotated[int, Field(ge=1)] | None = None
    domains: Annotated[Mapping[str, DomainSettings], AfterValidator(check_domains)] = {}


_STATE = "sqlite:///.newsletter/state.db"


class StoreSettings(Section):
    """The table [store]: where the state is. `password` is for PostgreSQL; libpq looks for one in ~/.pgpass itself."""

    # An empty variable is a runner's secret that was not set.
    url: Annotated[str, BeforeValidator(lambda url: url or _STATE), AfterValidator(validators.check_store_url)] = _STATE
    password: SecretStr | None = None


class KeySettings(Section):
    """The publication's keys, where the environment has them; else they are in .newsletter/keys.toml."""

    tokens: SecretStr | None = None
    forgotten: SecretStr | None = None


def _check_languages(languages: Mapping[str, LanguageSettings], info: ValidationInfo) -> Mapping[str, LanguageSettings]:
    publication = info.data.get("publication")
    return check_languages(languages, publication.language if publication else "")


def _check_list_languages(settings: SubscriberListSettings, info: ValidationInfo) -> SubscriberListSettings:
    publication, translations = info.data.get("publication"), info.data.get("translations")
    if publication is None or translations is None:  # what is wrong there is told
        return settings
    named = {"default_language": settings.default_language, "fallback_language": settings.fallback_language}
    return settings.model_copy(update=find_declared(named, [publication.language, *translations]))


def _check_approval(approval: ApprovalSettings, info: ValidationInfo) -> ApprovalSettings:
    send = info.data.get("send")
    return check_approval(approval, send.require if send else ())


class Config(BaseModel):
    """A publication's whole configuration. `backends` holds each named backend's own settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    publication: PublicationSettings
    translations: Annotated[Mapping[str, LanguageSettings], AfterValidator(_check_languages)] = Field(
        default={}, alias="languages"
    )
    subscriber_list: Annotated[SubscriberListSettings, AfterValidator(_check_list_languages)] = Field(alias="list")
    sender: SenderSettings
    theme: Theme = Theme()
    service: ServiceSettings = ServiceSettings()
    signup: Annotated[SignupSettings, AfterValidator(_check_sign_up_address)] = SignupSettings()
    preferences: PreferenceSettings = PreferenceSettings()
    email: Annotated[EmailSettings, AfterValidator(_check_linked_images)] = EmailSettings()
    layout: LayoutSettings = LayoutSettings()
    words: Annotated[Mapping[str, OneLine], AfterValidator(validators.check_words)] = {}
    typography: TypographySettings = TypographySettings()
    prose: ProseSettings = ProseSettings()
    pdf: PdfSettings = PdfSettings()
    send: SendSettings = SendSettings()
    approval: Annotated[ApprovalSettings, AfterValidator(_check_approval), Field(validate_default=True)] = (
        ApprovalSettings()
    )
    store: StoreSettings = StoreSettings()
    dkim: DkimSettings = DkimSettings()
    inbox: InboxSettings = InboxSettings()
    ci: CiSettings = CiSettings()
    links: LinkSettings = LinkSettings()
    keys: KeySettings = Field(default=KeySettings(), exclude=True)
    backends: Mapping[str, Section] = Field(default={}, exclude=True)
    _own: "Config | None" = PrivateAttr(default=None)

    @property
    def takes_sign_ups(self) -> bool:
        """Return whether readers can join by themselves: with a service, and a list that the service may write to."""
        return self.signup.open and self.service.url is not None and self.subscriber_list.source == "store"

    @property
    def consent_words(self) -> str:
        """Return what readers agree to who join by themselves, in the settings' language."""
        own = self.signup.consent
        return own or self.translator.translate(
            "I want to get {title} by email. Each issue has a link by which I can leave.", title=self.publication.title
        )

    @property
    def translator(self) -> Translator:
        """Return the words that readers see, in the publication's language and with its own on top."""
        return load_translator(self.publication.language, self.words)

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the tags (BCP 47) of all languages that issues are written in, the publication's own first."""
        return (self.own.publication.language, *self.translations)

    @property
    def own(self) -> "Config":
        """Return the settings in the publication's own language, of which these may be those in another one."""
        return self._own or self

    def in_language(self, tag: str) -> "Config":
        """Return the settings as they are in a language: its title, its sender's name, its words and so on.

        "" and the publication's own language are these settings themselves. Raises KeyError for one that is not
        declared; letters' case makes no difference.
        """
        config = put_language_over(self.own, tag)
        if config is not self.own:
            config._own = self.own
        return config

    @model_validator(mode="after")
    def _default_to_service(self) -> "Config":
        """Take the service's address as that of the website, where no other is named."""
        if self.publication.website or not self.service.url:
            return self
        publication = self.publication.model_copy(update={"website": f"{self.service.url}/"})
        return self.model_copy(update={"publication": publication})
