"""JSON Schema checks of what tools take and give, with hostile schemas too."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema.exceptions import ValidationError

from mcp_sync.errors import MCPConfigurationError, MCPProtocolError
from mcp_sync.features.schema_keywords import counted
from mcp_sync.features.schema_limits import SchemaLimits, spending
from mcp_sync.features.schemas import (
    InvalidArguments,
    Misfit,
    SchemaChecks,
    SchemaValidator,
    schemas_available,
)

DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"
DRAFT_07 = "http://json-schema.org/draft-07/schema#"

WEATHER = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 1},
        "days": {"type": "array", "items": {"$ref": "#/$defs/day"}},
    },
    "required": ["city"],
    "additionalProperties": False,
    "$defs": {"day": {"type": "object", "properties": {"high": {"type": "number"}}}},
}


def find(schema: Any, instance: Any, **limits: Any) -> Misfit | None:
    return SchemaValidator(schema, limits=SchemaLimits(**limits)).find(instance)


def path(schema: Any, instance: Any) -> str | None:
    fault = find(schema, instance)
    return None if fault is None else fault.path


def refused(schema: Any, instance: Any = None, **limits: Any) -> str:
    with pytest.raises(MCPProtocolError, match="the schema cannot be used: ") as caught:
        find(schema, instance, **limits)
    return str(caught.value)


@pytest.mark.parametrize(
    ("instance", "where"),
    [
        ({"city": "Oslo", "days": [{"high": 3}, {"high": 1.5}]}, None),
        ({"city": "Oslo", "days": [{"high": 3}, {"high": "3"}]}, "$.days[1].high"),
        ({"city": ""}, "$.city"),
        ({}, "$"),
        ({"city": "Oslo", "more": 1}, "$"),
        (None, "$"),
    ],
)
def test_a_value_is_held_against_its_schema(instance: Any, where: str | None) -> None:
    assert path(WEATHER, instance) == where


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (True, [None, 1], []),
        (False, [], [None, 1]),
        ({}, [None], []),
        ({"type": "null"}, [None], [0, False]),
        ({"type": ["integer", "null"]}, [1, 1.0, None], [1.5, True, "1"]),
        ({"enum": [1, "a", None]}, [1, "a", None], [True, "b"]),
        ({"const": {"a": [1]}}, [{"a": [1.0]}], [{"a": [True]}]),
        ({"pattern": "^a+$"}, ["aa", 3], ["b", "ab"]),
        ({"pattern": r"^\p{L}{2}$"}, ["äö"], ["1a"]),
        ({"patternProperties": {"^x-": {"type": "integer"}}}, [{"x-a": 1, "y": ""}], [{"x-a": ""}]),
        (
            {
                "properties": {"a": True},
                "patternProperties": {"^x-": True},
                "additionalProperties": {"type": "integer"},
            },
            [{"a": "", "x-1": "", "b": 1}],
            [{"b": ""}],
        ),
        ({"additionalProperties": False}, [{}, []], [{"a": 1}]),
        ({"uniqueItems": True}, [[1, True, "1", [1]], [{"a": 1}, {"a": True}]], [[1, 1.0]]),
        ({"uniqueItems": True}, [[[1], [True]]], [[{"a": 1, "b": []}, {"b": [], "a": 1}]]),
        ({"uniqueItems": False}, [[1, 1]], []),
        ({"anyOf": [{"type": "string"}, {"minimum": 5}]}, ["a", 5], [4]),
        ({"oneOf": [{"type": "integer"}, {"minimum": 5}]}, [4, 5.5], [5, 1.5]),
        ({"allOf": [{"type": "integer"}, {"minimum": 5}]}, [5], [4, 5.5]),
        ({"not": {"type": "integer"}}, ["a"], [1]),
        ({"if": {"minimum": 5}, "then": {"multipleOf": 2}, "else": {"const": 1}}, [6, 1], [7, 2]),
        ({"prefixItems": [{"type": "integer"}], "items": False}, [[1], []], [["a"], [1, 2]]),
        ({"contains": {"type": "integer"}, "maxContains": 1}, [["a", 1]], [[], [1, 1]]),
        ({"dependentRequired": {"a": ["b"]}}, [{"b": 1}, {"a": 1, "b": 1}], [{"a": 1}]),
        ({"propertyNames": {"maxLength": 1}}, [{"a": 1}], [{"ab": 1}]),
        ({"format": "date"}, ["nonsense"], []),
        ({"unknown": {"keyword": 1}, "x": 1}, [None], []),
    ],
)
def test_the_keywords_mean_what_the_standard_says(schema: Any, good: Any, bad: Any) -> None:
    assert [find(schema, instance) for instance in good] == [None] * len(good)
    assert [instance for instance in bad if find(schema, instance) is None] == []


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (
            {"allOf": [{"properties": {"a": True}}], "patternProperties": {"^x": True}},
            [{"a": 1, "xy": 1}],
            [{"b": 1}],
        ),
        (
            {"$ref": "#/$defs/p", "$defs": {"p": {"properties": {"a": True}}}},
            [{"a": 1}],
            [{"b": 1}],
        ),
        ({"anyOf": [{"properties": {"a": {"type": "integer"}}}, {}]}, [{"a": 1}], [{"a": "x"}]),
        (
            {"dependentSchemas": {"a": {"properties": {"a": True, "b": True}}}},
            [{"a": 1, "b": 1}],
            [{"b": 1}],
        ),
        (
            {
                "if": {"properties": {"a": {"const": 1}}, "required": ["a"]},
                "then": {"properties": {"b": True}},
                "else": {"properties": {"c": True}},
            },
            [{"a": 1, "b": 1}, {"c": 1}],
            [{"a": 1, "c": 1}, {"a": 2}],
        ),
        ({"allOf": [{"additionalProperties": True}]}, [{"a": 1}], []),
    ],
)
def test_properties_that_no_keyword_looked_at_are_found(schema: Any, good: Any, bad: Any) -> None:
    closed = {**schema, "unevaluatedProperties": False}
    assert [find(closed, instance) for instance in good] == [None] * len(good)
    assert [instance for instance in bad if find(closed, instance) is None] == []


def test_unevaluated_values_may_have_a_schema() -> None:
    assert path({"unevaluatedProperties": {"type": "integer"}}, {"a": 1, "b": "x"}) == "$.b"
    assert path({"unevaluatedItems": {"type": "integer"}}, [1, "x"]) == "$[1]"


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"allOf": [{"prefixItems": [True]}]}, [[1]], [[1, 2]]),
        ({"anyOf": [{"items": {"type": "integer"}}, {}]}, [[1, 2]], [["a"]]),
        ({"contains": {"const": 7}}, [[7, 7]], [[7, 8]]),
        ({"$schema": DRAFT_2019, "items": [True]}, [[1]], [[1, 2]]),
        ({"$schema": DRAFT_2019, "items": [True], "additionalItems": True}, [[1, 2]], []),
    ],
)
def test_items_that_no_keyword_looked_at_are_found(schema: Any, good: Any, bad: Any) -> None:
    closed = {**schema, "unevaluatedItems": False}
    assert [find(closed, instance) for instance in good] == [None] * len(good)
    assert [instance for instance in bad if find(closed, instance) is None] == []


def test_a_reason_is_that_of_the_branch_that_fits_best_and_is_cut_short() -> None:
    inner = {"properties": {"a": {"properties": {"b": {"type": "integer"}}}}}
    assert path({"anyOf": [{"type": "string"}, inner]}, {"a": {"b": "x"}}) == "$.a.b"
    fault = find({"type": "integer"}, "x" * 1_000_000)
    assert fault is not None
    assert len(fault.reason) < 300
    fault = find({"additionalProperties": False}, {f"name{i}" * 50: 1 for i in range(1000)})
    assert fault is not None
    assert "and 997 more" in fault.reason


@pytest.mark.parametrize(
    ("schema", "instance", "where"),
    [
        ({"$schema": DRAFT_2020, "prefixItems": [{"type": "integer"}]}, ["a"], "$[0]"),
        ({"$schema": DRAFT_2020 + "#", "type": "integer"}, "a", "$"),
        ({"$schema": DRAFT_07, "items": [{"type": "integer"}]}, ["a"], "$[0]"),
        ({"$schema": DRAFT_07, "dependencies": {"a": ["b"]}}, {"a": 1}, "$"),
        (
            {
                "$schema": DRAFT_07,
                "definitions": {"a": {"type": "null"}},
                "$ref": "#/definitions/a",
            },
            1,
            "$",
        ),
        (
            {
                "$schema": DRAFT_2019,
                "$recursiveAnchor": True,
                "properties": {"child": {"$recursiveRef": "#"}, "v": {"type": "integer"}},
                "unevaluatedProperties": False,
            },
            {"child": {"v": 1, "x": 2}},
            "$.child",
        ),
    ],
)
def test_three_dialects_are_read(schema: Any, instance: Any, where: str) -> None:
    assert path(schema, instance) == where


@pytest.mark.parametrize(
    "dialect",
    ["http://json-schema.org/draft-04/schema#", "https://example.com/own", "", 7, None, []],
)
def test_another_dialect_is_refused_by_name(dialect: Any) -> None:
    message = refused({"$schema": dialect})
    assert repr(dialect) in message
    assert "only 2020-12, 2019-09 and draft-07" in message


def test_a_part_in_another_dialect_is_refused() -> None:
    # The library would leave the counted keywords for its own there.
    assert "another dialect" in refused({"properties": {"a": {"$schema": DRAFT_07}}})


def test_a_property_may_be_called_as_a_keyword_is() -> None:
    names = {"$schema": {"type": "string"}, "pattern": {"type": "integer"}, "$ref": {}}
    assert path({"properties": names, "default": {"pattern": "("}}, {"pattern": "x"}) == "$.pattern"


@pytest.mark.parametrize(
    "ref",
    [
        "http://127.0.0.1:9/schema.json",
        "https://example.com/schema.json#/a",
        "file:///etc/passwd",
        "other.json",
        "#/$defs/missing",
        "#anchor",
        "http://[",
    ],
)
@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef"])
def test_a_reference_out_of_the_schema_is_refused_by_name(keyword: str, ref: str) -> None:
    message = refused({"properties": {"a": {"anyOf": [{keyword: ref}]}}})
    assert repr(ref) in message


def test_a_reference_that_only_a_check_meets_is_refused_too() -> None:
    # What an unknown keyword holds is no subschema, until a pointer leads there.
    schema = {"x": {"y": {"$ref": "http://127.0.0.1:9/schema.json"}}, "$ref": "#/x/y"}
    assert "'http://127.0.0.1:9/schema.json'" in refused(schema)


def test_references_inside_are_followed_by_pointer_anchor_and_id() -> None:
    schema = {
        "$id": "https://example.com/root",
        "properties": {
            "a": {"$ref": "#/$defs/one"},
            "b": {"$ref": "#two"},
            "c": {"$ref": "three"},
            "d": {"$ref": DRAFT_2020},
        },
        "$defs": {
            "one": {"type": "integer"},
            "2": {"$anchor": "two", "type": "integer"},
            "3": {"$id": "three", "type": "integer"},
        },
    }
    assert [path(schema, {name: "x"}) for name in "abcd"] == ["$.a", "$.b", "$.c", "$.d"]
    assert path(schema, {"a": 1, "b": 1, "c": 1, "d": {"type": "integer"}}) is None


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({"type": "nonsense"}, "$.type"),
        ({"properties": {"a": {"minimum": "1"}}}, "$.properties.a.minimum"),
        ({"required": "a"}, "$.required"),
        ({"allOf": []}, "$.allOf"),
        ([], "$"),
        ("a", "$"),
    ],
)
def test_what_is_no_schema_is_refused_with_its_place(schema: Any, where: str) -> None:
    assert f"no valid schema at {where}: " in refused(schema)


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "limit"),
    [
        ({"description": "x" * 270_000}, "more than 262144 characters"),
        ({"properties": {"x" * 270_000: True}}, "more than 262144 characters"),
        ({"enum": list(range(270_000))}, "more than 262144 characters"),
        ({"properties": {str(i): {} for i in range(2000)}}, "more than 2000 objects"),
        (nested(100_000), "nested deeper than 64"),
        ({"pattern": "a" * 2001}, "longer than 2000 characters"),
    ],
)
def test_a_schema_beyond_a_limit_of_size_is_refused(schema: Any, limit: str) -> None:
    assert limit in refused(schema)


def test_a_schema_within_the_limits_is_read() -> None:
    assert path({"properties": {str(i): {} for i in range(900)}}, {}) is None
    assert path(nested(30), 1) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"$dynamicRef": "#"},
        {"$ref": "#", "unevaluatedProperties": False},
        {"not": {"$ref": "#"}},
    ],
)
def test_a_schema_that_goes_in_a_circle_is_refused(schema: Any) -> None:
    assert "keywords within each other" in refused(schema, {})


def test_a_message_that_quotes_its_value_is_cut_where_it_is_made() -> None:
    def quoting(*_: object) -> Iterator[ValidationError]:
        yield ValidationError("x" * 1_000_000)

    with spending(SchemaLimits()):
        [error] = counted(quoting)(None, None, None, None)
    assert len(error.message) < 300


def test_a_caller_deep_in_the_stack_is_told_too() -> None:
    circle = SchemaValidator({"$ref": "#"})
    plain = SchemaValidator({"type": "integer"})

    def down(levels: int) -> str:
        if levels:
            return down(levels - 1)
        assert plain.find(1) is None
        with pytest.raises(MCPProtocolError) as caught:
            circle.find(1)
        return str(caught.value)

    assert "all the stack has room for" in down(sys.getrecursionlimit() * 3 // 4)


def test_a_value_nested_without_bound_is_refused() -> None:
    value: list[Any] = []
    for _ in range(50_000):
        value = [value]
    assert "keywords within each other" in refused({"items": {"$ref": "#"}}, value)
    assert "nested too deep" in refused({"uniqueItems": True}, [value])


def doubling(keyword: str, wrap: Any) -> dict[str, Any]:
    defs: dict[str, Any] = {
        f"x{i}": {keyword: wrap({"$ref": f"#/$defs/x{i + 1}"})} for i in range(30)
    }
    return {"$defs": {**defs, "x30": {}}, "$ref": "#/$defs/x0", "unevaluatedProperties": False}


@pytest.mark.parametrize(
    "schema",
    [
        doubling("allOf", lambda one: [one, one]),
        doubling("anyOf", lambda one: [{"allOf": [one, one]}]),
        doubling("dependentSchemas", lambda one: {"a": one, "b": one}),
    ],
)
def test_steps_that_double_are_bounded(schema: Any) -> None:
    assert "more than 5000 steps" in refused(schema, {"a": 1, "b": 1}, most_steps=5000)


def test_the_time_of_a_check_is_bounded() -> None:
    schema = {"items": {"properties": {"a": {"type": "integer"}}}}
    validator = SchemaValidator(schema, limits=SchemaLimits(seconds=0.5))
    assert validator.find([{"a": 1}] * 10) is None
    with pytest.raises(MCPProtocolError, match=r"takes longer than 0\.5 s"):
        validator.find([{"a": 1}] * 1_000_000)


HUNDRED_THOUSAND = range(100_000)


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        ({"uniqueItems": True}, [[i] if i % 2 else {"a": i} for i in HUNDRED_THOUSAND]),
        ({"allOf": [{"items": True}], "unevaluatedItems": False}, [*HUNDRED_THOUSAND]),
        (
            {"patternProperties": {"^k": True}, "unevaluatedProperties": False},
            {f"k{i}": 1 for i in HUNDRED_THOUSAND},
        ),
    ],
)
def test_nothing_compares_all_with_all(schema: Any, instance: Any) -> None:
    assert find(schema, instance, seconds=40) is None


CATASTROPHE = "(a+)+$"
SLOW_EVEN_SO = "((((a{0,1000}){0,1000}){0,1000}){0,1000})$"


@pytest.mark.parametrize(
    "place",
    [
        lambda pattern: {"pattern": pattern},
        lambda pattern: {"properties": {"a": {"pattern": pattern}}},
        lambda pattern: {"patternProperties": {pattern: True}},
        lambda pattern: {"patternProperties": {pattern: True}, "additionalProperties": False},
        lambda pattern: {"patternProperties": {pattern: True}, "unevaluatedProperties": False},
        lambda pattern: {"propertyNames": {"pattern": pattern}},
        lambda pattern: {"x": {"y": {"$schema": DRAFT_07, "pattern": pattern}}, "$ref": "#/x/y"},
        lambda pattern: {"$schema": DRAFT_2019, "patternProperties": {pattern: False}},
    ],
)
def test_a_pattern_that_backtracks_without_end_does_not_hang_the_caller(place: Any) -> None:
    text = "a" * 60 + "!"
    for instance in (text, {"a": text}, {text: 1}):
        find(place(CATASTROPHE), instance)
    long = "a" * 50_000 + "!"
    outcomes = []
    for instance in (long, {"a": long}, {long: 1}):
        try:
            outcomes.append(str(find(place(SLOW_EVEN_SO), instance, pattern_seconds=0.05)))
        except MCPProtocolError as error:
            outcomes.append(str(error))
    assert sum("takes longer than 0.05 s" in outcome for outcome in outcomes) == 1


@pytest.mark.parametrize(
    "pattern",
    [
        "(((a|b){99}){99}){99}",
        "a{1000000000}",
        "a{" + "9" * 1000 + "}",
        "(?:(?P<n>[a{2}]{999}){999})",
        r"(\p{L}{101}){101}",
        "(a{1}{1000000})",
    ],
)
def test_a_pattern_that_would_be_unrolled_without_end_is_refused(pattern: str) -> None:
    assert "repeats more than 10000 parts" in refused({"pattern": pattern})


@pytest.mark.parametrize(
    "pattern", ["(?R)", "(a)(?1)", "(?:foo){e<=3}", "a{2i+1s<=4}", "(?V1)a", "(?x)(a) {99}"]
)
def test_a_pattern_that_json_schema_does_not_have_is_refused(pattern: str) -> None:
    assert "which JSON Schema does not have" in refused({"pattern": pattern})


@pytest.mark.parametrize("pattern", ["(", "a)", "[", "a{2}{3}", "(" * 900 + ")" * 900])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    assert "is no regular expression" in refused({"patternProperties": {pattern: True}})


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^\(?[0-9]{3}\)?-[0-9]{4}$", "(555)-1234"),
        (r"^[\s\S]{1,10000}$", "a"),
        (r"^([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}$", "a-b.example.com"),
        (
            r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$",
            "2026-07-28T10:00:00Z",
        ),
        (r"(?<year>\d{4})(?=-)", "2026-"),
        (r"(?i)^abc$", "ABC"),
        (r"^\{x\}$", "{x}"),
        (r"\u0041", "A"),
        ("^(?!-)a{,3}", "aaa"),
    ],
)
def test_a_pattern_as_people_write_them_is_matched(pattern: str, text: str) -> None:
    assert find({"pattern": pattern}, text) is None


@pytest.mark.parametrize(
    ("schema", "instance", "name"),
    [
        ({"multipleOf": 0.1}, 10**400, "OverflowError"),
        ({"$id": "urn:a", "properties": {"a": {"$id": "http://["}}}, {}, "ValueError"),
        ({"x": 7, "$ref": "#/x"}, {}, "AttributeError"),
    ],
)
def test_what_the_library_cannot_do_is_an_error_of_ours(
    schema: Any, instance: Any, name: str
) -> None:
    assert f"it fails with {name}: " in refused(schema, instance)


def test_output_that_does_not_match_is_the_server_s_fault() -> None:
    checks = SchemaChecks()
    checks.check_output("weather", WEATHER, {"city": "Oslo"})
    with pytest.raises(
        MCPProtocolError,
        match=r"structured content of tool weather does not match its output schema at \$\.city: ",
    ):
        checks.check_output("weather", WEATHER, {"city": 3})


def test_null_is_content_like_any_other() -> None:
    SchemaChecks().check_output("t", {"type": ["object", "null"]}, None)
    with pytest.raises(MCPProtocolError):
        SchemaChecks().check_output("t", {"type": "object"}, None)


def test_arguments_that_do_not_match_are_the_caller_s_fault() -> None:
    checks = SchemaChecks()
    checks.check_arguments("weather", WEATHER, {"city": "Oslo"})
    with pytest.raises(
        InvalidArguments, match=r"arguments of tool weather .* at \$\.city"
    ) as caught:
        checks.check_arguments("weather", WEATHER, {"city": ""})
    assert isinstance(caught.value, ValueError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.tool, again.path, again.reason, str(again)) == (
        "weather",
        "$.city",
        caught.value.reason,
        str(caught.value),
    )


def test_arguments_are_checked_as_they_are_sent() -> None:
    checks = SchemaChecks()
    schema = {"properties": {"days": {"type": "array"}, "1": {"type": "integer"}}}
    checks.check_arguments("t", schema, {"days": ("Mon", "Tue")})
    with pytest.raises(InvalidArguments, match=r"at \$\['1'\]: "):
        checks.check_arguments("t", schema, {1: "x"})  # type: ignore[dict-item]
    with pytest.raises(InvalidArguments, match="they are no JSON"):
        checks.check_arguments("t", schema, {"days": {1, 2}})


def test_a_bad_schema_is_the_server_s_fault_each_time_and_named() -> None:
    checks = SchemaChecks()
    schema = {"$ref": "http://127.0.0.1:9/"}
    errors = []
    for _ in range(2):
        with pytest.raises(
            MCPProtocolError, match="the input schema of tool t cannot be"
        ) as caught:
            checks.check_arguments("t", schema, {})
        errors.append(caught.value)
    assert errors[0] is not errors[1]


def test_a_schema_is_read_once_as_long_as_it_is_the_same_object() -> None:
    checks = SchemaChecks()
    schema: dict[str, Any] = {"type": "object"}
    checks.check_output("t", schema, {})
    schema["type"] = "string"
    checks.check_output("t", schema, {})
    with pytest.raises(MCPProtocolError):
        checks.check_output("t", dict(schema), {})
    with pytest.raises(MCPProtocolError):
        checks.check_output("other", schema, {})


def test_a_validator_says_what_it_is_of() -> None:
    with pytest.raises(MCPProtocolError, match=r"the answer is not met at \$: 'a' is not of type"):
        SchemaValidator({"type": "integer"}, "the answer").check("a")
    SchemaValidator({"type": "integer"}, "the answer").check(1)


def test_the_libraries_are_here() -> None:
    assert schemas_available()


WITHOUT = """
import sys
sys.modules[{missing!r}] = None
from mcp_sync.errors import MCPConfigurationError
from mcp_sync.features.schemas import SchemaChecks, SchemaValidator, schemas_available
print(schemas_available())
SchemaChecks().check_output("t", {{"type": "object"}}, 3)
for use in (
    lambda: SchemaChecks().check_arguments("t", {{}}, {{}}),
    lambda: SchemaValidator({{}}, "an elicitation"),
):
    try:
        use()
    except MCPConfigurationError as error:
        print(error)
"""


@pytest.mark.parametrize("missing", ["jsonschema", "regex"])
def test_without_the_libraries_only_what_was_asked_for_fails(missing: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(missing=missing)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    first, arguments, validator = done.stdout.splitlines()
    assert first == "False"
    assert arguments == (
        "validate_arguments=True needs the extra 'schema': pip install 'mcp_sync[schema]'"
    )
    assert validator.endswith("pip install 'mcp_sync[schema]'")
    assert issubclass(MCPConfigurationError, ValueError)


def test_the_libraries_are_imported_with_the_first_check() -> None:
    program = (
        "import sys; from mcp_sync.features.schemas import SchemaChecks; checks = SchemaChecks();"
        "print(*{'jsonschema', 'regex', 'referencing'} & {*sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == "\n"
