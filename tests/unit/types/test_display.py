"""The one line that tells what a value says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from mcp_sync.types.display import Displayed, told_fields


@attrs.frozen(kw_only=True, repr=False)
class Value(Displayed):
    """Something of every kind."""

    text: str
    number: float = 0.5
    flag: bool = False
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    items: tuple[Any, ...] = ()
    inner: Any = None
    secret: str = attrs.field(default="hidden", repr=False)


def test_a_value_tells_what_differs_from_nothing_said() -> None:
    assert repr(Value(text="")) == "Value(text='')"
    value = Value(text="a\nb", number=1, flag=True, secret="x", inner=Value(text="inside"))
    assert repr(value) == "Value(text='a\\nb', number=1, flag=True, inner=Value(text='inside'))"
    assert dict(told_fields(value)) == {
        "text": "a\nb",
        "number": 1,
        "flag": True,
        "inner": value.inner,
    }


@pytest.mark.parametrize("many", [1, 2, 100_000])
def test_its_line_stays_short_whatever_is_in_it(many: int) -> None:
    value = Value(text="x" * many, facts={str(n): "x" for n in range(many)}, items=("x",) * many)
    line = repr(value)
    assert len(line) < 150
    plural = "" if many == 1 else "s"
    assert f"facts=<{many} key{plural}>, items=<{many} item{plural}>" in line


def test_it_is_shown_in_a_notebook_by_the_same_fields() -> None:
    html = Value(text="a", flag=True)._repr_html_()
    assert "Value" in html
    assert "flag" in html
    assert "number" not in html


def test_values_are_still_equal_and_hashed_by_their_fields() -> None:
    assert Value(text="a") == Value(text="a") != Value(text="b")
    assert len({Value(text="a", facts=(), items=()), Value(text="a", facts=(), items=())}) == 1
