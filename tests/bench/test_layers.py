"""Samples count for the innermost layer that they are in."""

from campaigns.bench.layers import ELSEWHERE, LOOP, THREADS, Layer, layer_of, split

_RUN = "run (uvloop/__init__.py:92)"
_RECEIVE = "Cycle.run_asgi (uvicorn/protocols/http/httptools_impl.py:422)"
_WRITE = "write (ordergate/gateway/writes/write.py:60)"
_LOG = "info (structlog/_native.py:137)"
_OURS = "JSONRenderer.__call__ (json/encoder.py:200)"


def test_what_a_layer_calls_in_the_standard_library_is_its_own_time() -> None:
    """The innermost call that is of a layer counts, and not the innermost of all."""
    assert layer_of([_RUN, _RECEIVE, _WRITE, _LOG, _OURS]) == "logs"
    assert layer_of([_RUN, _RECEIVE, _WRITE, _OURS]) == "use cases (gateway, domain, spi)"
    assert layer_of([_RUN, "Runner.run (asyncio/runners.py:118)"]) == LOOP
    assert layer_of(["main (somewhere.py:1)"]) == ELSEWHERE


def test_the_main_thread_is_split_by_samples_and_others_by_what_they_used() -> None:
    """Samples of other threads, which may only wait, count for nothing."""
    stacks = [
        f"thread (1): MainThread;{_RUN};{_RECEIVE} 3",
        f"thread (1): MainThread;{_RUN};{_RECEIVE};{_WRITE};{_LOG} 1",
        "thread (2): journal-writer;_run (ordergate/journal/stores/group_commit.py:77) 50",
    ]

    assert split(stacks, main=400.0, others=100.0) == [
        Layer("server and framework (uvicorn, Litestar)", 60.0, 300.0),
        Layer("logs", 20.0, 100.0),
        Layer(THREADS, 20.0, 100.0),
    ]
