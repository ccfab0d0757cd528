"""pydantic's errors in this project's words: each kind with its code, its message and what to do."""

import datetime
from collections.abc import Mapping
from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from newsletter.validation import Fault, explain_error, fault_error, faults_error


def _check_word(text: str) -> str:
    if " " in text:
        raise fault_error("word", f"{text!r} is not one word", "Take the spaces out.", at=text.index(" "))
    if text.isupper():
        raise faults_error(Fault(code="a", message="one", next_step=""), Fault(code="b", message="two", next_step=""))
    return text


class Inner(BaseModel):
    """A table within a table."""

    name: str


class Model(BaseModel):
    """One value of each kind."""

    model_config = ConfigDict(extra="forbid")

    colour: Literal["red", "green"] = "red"
    count: Annotated[int, Field(ge=1, le=9)] = 1
    share: Annotated[float, Field(gt=0)] = 1.0
    active: bool = True
    words: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)] = ("a",)
    inner: Inner | None = None
    word: Annotated[str, AfterValidator(_check_word)] = "a"
    text: str = ""
    moment: datetime.date | None = None


def _faults(values: Mapping[str, object], model: type[BaseModel] = Model) -> list[tuple[str, str, str]]:
    """Return code, message and next step of each fault."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values)
    siblings = list(model.model_fields)
    return [
        (fault.code, fault.message, fault.next_step)
        for details in caught.value.errors(include_url=False)
        for fault in explain_error(details, siblings)
    ]


@pytest.mark.parametrize(
    ("values", "code", "message", "next_step"),
    [
        ({"colour": "blue"}, "value", "'colour' is 'blue', which is none of its values", "Write 'red' or 'green'."),
        ({"count": "ten"}, "value", "'count' is 'ten', which is not a whole number", "Write digits alone"),
        ({"count": 1.5}, "value", "'count' is 1.5, which is not a whole number", "Write digits alone"),
        ({"count": 10}, "value", "'count' is 10", "It has to be 9 at most."),
        ({"count": 0}, "value", "'count' is 0", "It has to be 1 at least."),
        ({"active": "perhaps"}, "value", "'active' is 'perhaps', which is neither true nor false", "Write true or"),
        ({"words": "a"}, "shape", "'words' should be a list", "Start each entry"),
        ({"words": []}, "empty", "'words' has no entry", "Give it one at least."),
        ({"words": ["a", "b", "c"]}, "too-many", "'words' has 3 entries, and 2 are the most", "Spread them"),
        ({"words": [1]}, "shape", "'entry 1' should be a text", "Give it a text."),
        ({"inner": "a"}, "shape", "'inner' should hold named values, not just a text", "Give these below it: colour,"),
        ({"inner": {}}, "missing", "'name' is missing", "Add a line for 'name'."),
        ({"colours": "red"}, "unknown-key", "'colours' is not a known key", "Did you mean 'colour'?"),
        ({"zzz": "red"}, "unknown-key", "'zzz' is not a known key", "Known here: colour, count,"),
        ({"word": "two words"}, "word", "'two words' is not one word", "Take the spaces out."),
        ({"share": 0}, "value", "'share' is 0", "It has to be more than 0"),
        ({"moment": "now"}, "value", "'moment': input should be a valid date", "Mend the value."),
    ],
)
def test_each_kind_of_error_has_words(values: dict[str, object], code: str, message: str, next_step: str) -> None:
    ((found, said, step),) = _faults(values)
    assert found == code
    assert said.startswith(message)
    assert step.startswith(next_step)


def test_a_validator_may_find_several_faults_of_a_value() -> None:
    assert [code for code, _, _ in _faults({"word": "UPPER"})] == ["a", "b"]


def test_entries_with_faults_of_their_own_are_not_too_few_as_well() -> None:
    class Ranked(BaseModel):
        ranks: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]

    assert [code for code, _, _ in _faults({"ranks": [0]}, Ranked)] == ["value"]
