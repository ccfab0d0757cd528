"""A publication in English with translations into Japanese and Arabic, and a list of readers of each."""

from pathlib import Path

from conftest import Publication

WORDS = {
    "": ("Tariffs were cut", "A committee met in Lima.", "Members only: the minutes."),
    "ja": ("関税が引き下げられた", "委員会がリマで開かれた。", "会員限定：議事録。"),
    "ar": ("خُفّضت الرسوم الجمركية", "اجتمعت اللجنة في ليما.", "للأعضاء فقط: المحضر."),
}
TITLES = {"": "Pacific Alliance Digest", "ja": "太平洋同盟ダイジェスト", "ar": "نشرة تحالف المحيط الهادئ"}
SENDERS = {"ja": "太平洋研究所", "ar": "معهد المحيط الهادئ"}


def write_draft(
    publication: Publication, language: str = "", words: tuple[str, ...] = (), only_for: str = "", number: int = 8
) -> Path:
    """Write 3.8, or its translation, with two items, the last of them for those whom `only_for` names."""
    first, second, third = words or WORDS[language]
    rule = f"\n    only_for: [{only_for}]" if only_for else ""
    text = (
        f"volume: 3\nnumber: {number}\ndate: 2024-05-01\nitems:\n"
        f"  - id: tariffs\n    headline: {first}\n    detail: {second}\n"
        f"  - id: minutes\n    headline: {third!r}\n    detail: {second}{rule}\n"
    )
    return publication.draft(f"3.{number}.{language}" if language else f"3.{number}", text)


def declare(publication: Publication, *languages: str, more: str = "") -> None:
    """Declare languages in newsletter.toml, each with its title and its sender's name."""
    path = publication.root / "newsletter.toml"
    tables = (
        f'\n[languages.{language}]\ntitle = "{TITLES[language]}"\nsender = "{SENDERS[language]}"\n'
        for language in languages
    )
    text = path.read_text(encoding="utf-8").replace("[list]\n", f"[list]\n{more}", 1)
    path.write_text(text + "".join(tables), encoding="utf-8")


def translate(publication: Publication, *languages: str, more: str = "") -> None:
    """Write 3.8 in English and in these languages; `more` are lines of [list]."""
    declare(publication, *languages, more=more)
    for language in ("", *languages):
        write_draft(publication, language, only_for="" if language else "members")


def list_readers(publication: Publication, **languages: str) -> dict[str, str]:
    """Write a list of readers, each with what the language column says of them; return that by address."""
    asked = {f"{name}@example.org": language for name, language in languages.items()}
    rows = [f'{address},,,"{language}"' for address, language in asked.items()]
    path = publication.root / "subscribers.csv"
    path.write_text("\n".join(["email,name,tags,language", *rows]) + "\n", encoding="utf-8")
    return asked
