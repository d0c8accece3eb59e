"""The trace that a call carries."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanContext, TraceFlags, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mcp_sync.features.tracing import current_trace

STANDARD = CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
GOOD = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"


class Sending(TextMapPropagator):
    """A propagator that a program could have set up, with these very values."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def extract(
        self,
        carrier: CarrierT,
        context: context.Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> context.Context:
        return context or {}

    def inject(
        self,
        carrier: CarrierT,
        context: context.Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        for key, value in self.values.items():
            setter.set(carrier, key, value)

    @property
    def fields(self) -> set[str]:
        return set(self.values)


@pytest.fixture
def tracer() -> trace.Tracer:
    return TracerProvider(shutdown_on_exit=False).get_tracer("tests")


@pytest.fixture(autouse=True)
def _propagators_as_before() -> Iterator[None]:
    before = propagate.get_global_textmap()
    propagate.set_global_textmap(STANDARD)
    yield
    propagate.set_global_textmap(before)


def test_outside_of_a_span_there_is_nothing() -> None:
    assert current_trace() == {}


def test_inside_a_span_there_is_its_traceparent(tracer: trace.Tracer) -> None:
    with tracer.start_as_current_span("work") as span:
        own = span.get_span_context()
        expected = f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"
        assert current_trace() == {"traceparent": expected}
    assert current_trace() == {}


def test_the_trace_state_and_the_baggage_go_with_it(tracer: trace.Tracer) -> None:
    parent = SpanContext(
        1, 2, True, TraceFlags(1), TraceState([("vendor", "a-b"), ("t@system", "2")])
    )
    around = trace.set_span_in_context(trace.NonRecordingSpan(parent))
    around = baggage.set_baggage("user", "Zoë, 1", baggage.set_baggage("k", "v", around))
    token = context.attach(around)
    try:
        with tracer.start_as_current_span("work"):
            found = dict(current_trace())
    finally:
        context.detach(token)
    assert found.pop("traceparent").startswith("00-" + "0" * 31 + "1-")
    assert found == {"tracestate": "vendor=a-b,t@system=2", "baggage": "k=v,user=Zo%C3%AB%2C+1"}


def test_a_span_that_is_not_recorded_sends_nothing() -> None:
    silent = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("tests")
    with silent.start_as_current_span("work"):
        assert current_trace() == {}


def test_keys_that_the_protocol_does_not_reserve_stay_here(tracer: trace.Tracer) -> None:
    propagate.set_global_textmap(Sending(traceparent=GOOD, b3="1-2-3", authorization="secret"))
    with tracer.start_as_current_span("work"):
        assert current_trace() == {"traceparent": GOOD}


@pytest.mark.parametrize(
    "bad",
    [
        "",
        GOOD.upper(),
        GOOD + "\r\nX: 1",
        GOOD + "\n",
        GOOD + "-00",
        GOOD.replace("00-0af", "ff-0af"),
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
    ],
)
def test_a_traceparent_that_is_none_is_left_out_with_its_state(
    tracer: trace.Tracer, bad: str
) -> None:
    propagate.set_global_textmap(Sending(traceparent=bad, tracestate="a=1", baggage="k=v"))
    with tracer.start_as_current_span("work"):
        assert current_trace() == {"baggage": "k=v"}


@pytest.mark.parametrize(
    "state",
    [
        "a=1",
        "a=1, b=2\t,c@d=3",
        "0*/-_=x y",
        "a=" + "x" * 256,
        ",".join(f"k{i}=v" for i in range(32)),
    ],
)
def test_a_trace_state_in_its_format_is_kept(tracer: trace.Tracer, state: str) -> None:
    propagate.set_global_textmap(Sending(traceparent=GOOD, tracestate=state))
    with tracer.start_as_current_span("work"):
        assert current_trace() == {"traceparent": GOOD, "tracestate": state}


@pytest.mark.parametrize(
    "state",
    [
        "",
        "a",
        "A=1",
        "a=1\r\n",
        "a=é",
        "a=1=\x00",
        "a=" + "x" * 257,
        ",".join(f"k{i}=v" for i in range(33)),
        ",".join(f"k{i}=" + "v" * 60 for i in range(9)),
    ],
)
def test_a_trace_state_beyond_its_format_is_left_out(tracer: trace.Tracer, state: str) -> None:
    propagate.set_global_textmap(Sending(traceparent=GOOD, tracestate=state))
    with tracer.start_as_current_span("work"):
        assert current_trace() == {"traceparent": GOOD}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a=1;p;q=2 , b = %20", True),
        ("a=", True),
        ("a", False),
        ("a=1,", False),
        ('a="1"', False),
        ("a b=1", False),
        ("a=1\n", False),
        ("a=ü", False),
        ("a=" + "x" * 8190, True),
        ("a=" + "x" * 8191, False),
        (",".join(["a=1"] * 181), False),
    ],
)
def test_baggage_is_kept_in_its_format_alone(tracer: trace.Tracer, text: str, kept: bool) -> None:
    propagate.set_global_textmap(Sending(traceparent=GOOD, baggage=text))
    with tracer.start_as_current_span("work"):
        assert ("baggage" in current_trace()) is kept


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )


def test_open_telemetry_is_not_imported_for_a_program_without_it() -> None:
    done = run(
        "import sys; from mcp_sync.features.tracing import current_trace; print(current_trace(),"
        "[name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    assert done.stdout == "{} []\n"


def test_one_that_cannot_be_used_is_told_once_and_costs_no_call() -> None:
    done = run(
        "import os, logging; logging.basicConfig(format='%(message)s');"
        "os.environ['OTEL_PROPAGATORS'] = 'nonsense';"
        "import opentelemetry.trace; from mcp_sync.features.tracing import current_trace;"
        "print(current_trace(), current_trace())"
    )
    assert done.stdout == "{} {}\n"
    assert done.stderr.count("calls carry no trace") == 1


def test_without_open_telemetry_it_costs_next_to_nothing() -> None:
    done = run(
        "import sys; from mcp_sync.features.tracing import current_trace; seen = [];"
        "sys.setprofile(lambda frame, event, _: seen.append(event)); current_trace();"
        "sys.setprofile(None); print(seen)"
    )
    # It is called and calls nothing; the last one is the end of looking.
    assert done.stdout == "['call', 'return', 'c_call']\n"
