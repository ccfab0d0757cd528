"""Names of authors out of the bylines that pages write."""

import pytest

from newsletter.articles.author_names import read_authors


@pytest.mark.parametrize(
    ("byline", "names"),
    [
        ("By Jane Doe and John Roe", ["Jane Doe", "John Roe"]),
        ("Jane Doe, John Roe, and Max Muster", ["Jane Doe", "John Roe", "Max Muster"]),
        ("Written by: Jane Doe", ["Jane Doe"]),
        ("Doe, Jane", ["Jane Doe"]),
        ("King, Martin L.", ["Martin L. King"]),
        ("de la Cruz, Ana", ["Ana de la Cruz"]),
        ("Mary Smith, Bob Ray", ["Mary Smith", "Bob Ray"]),
        ("John Roe, Jr.", ["John Roe Jr."]),
        ("J. R. Smith Jr.", ["J. R. Smith Jr."]),
        ("JANE DOE", ["Jane Doe"]),
        ("By JANE McDONALD, Senior Correspondent", ["Jane McDonald"]),
        ("Dr. Jane Doe, PhD", ["Jane Doe"]),
        (
            "Jane Doe, Professor of Physics, University of Example and John Roe, Staff Writer",
            ["Jane Doe", "John Roe"],
        ),
        ("Jane Doe in Tokyo", ["Jane Doe"]),
        ("Jane Doe for The Harbor Times", ["Jane Doe"]),
        ("Jane Doe | The Harbor Times", ["Jane Doe"]),
        ("Jane Doe - Staff Writer", ["Jane Doe"]),
        ("Jane Doe (@janedoe), jane@harbortimes.example", ["Jane Doe"]),
        ("@janedoe", []),
        ("Staff", []),
        ("By Staff Reporter", []),
        ("admin", []),
        ("The Harbor Times", []),  # the outlet itself
        ("https://social.example/jane", []),
        ("Photograph by Max Lens", []),
        ("12 min read", []),
        ("", []),
        ("Robert De Niro", ["Robert De Niro"]),
        ("De Niro, Robert", ["Robert De Niro"]),
        ("Ursula von der Leyen", ["Ursula von der Leyen"]),
        ("Von Erika Mustermann und Max Müller", ["Erika Mustermann", "Max Müller"]),
        ("Par Élodie Durand et Luc d’Arc", ["Élodie Durand", "Luc d’Arc"]),
        ("Por Gabriel García y Ana de la Cruz", ["Gabriel García", "Ana de la Cruz"]),
        ("Jean-Luc O’Neil", ["Jean-Luc O’Neil"]),
        ("取材・文：佐藤花子、鈴木一郎", ["佐藤花子", "鈴木一郎"]),
        ("山田太郎記者", ["山田太郎"]),
        ("ジェーン・ドウ", ["ジェーン・ドウ"]),
        ("編集部", []),
        ("Jane Doe, Associated Press, and John Roe, Reuters", ["Jane Doe", "John Roe"]),
        ("Reuters", ["Reuters"]),
        ("Organisation for Ferries and Harbors", ["Organisation for Ferries and Harbors"]),
        ("Jane Doe; Jane Doe; J. Doe", ["Jane Doe", "J. Doe"]),
        ("Jane \x1b[31mDoe\u202e", ["Jane Doe"]),
    ],
)  # fmt: skip
def test_names_are_read_from_bylines(byline: str, names: list[str]) -> None:
    assert list(read_authors([byline], outlets=["Harbor Times"])) == names


def test_a_byline_of_a_megabyte_has_few_names() -> None:
    assert len(read_authors([", ".join(f"Jane Doe{chr(97 + n % 26)}" for n in range(100_000))])) <= 50
