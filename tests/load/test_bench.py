"""What `BENCH` and `BENCH_VIEWERS` may say."""

from __future__ import annotations

import pytest

from tests.load.bench import MEASURES, Choice, choose, run
from tests.load.figures import BENCHES, Json


def test_all_is_every_bench_there_is() -> None:
    assert choose("all", "200", "100,1000").names == tuple(MEASURES)
    assert set(MEASURES) <= set(BENCHES)


def test_one_or_several_can_be_chosen() -> None:
    choice = choose("floor,forward", "20", "10,30")
    assert choice.names == ("floor", "forward")
    assert choice.viewers == 20
    assert choice.scale == (10, 30)


@pytest.mark.parametrize(
    ("bench", "viewers", "scale"),
    [
        ("fast", "200", "100"),
        ("forward", "0", "100"),
        ("forward", "many", "100"),
        ("scale", "200", ""),
        ("scale", "200", "100,-1"),
    ],
)
def test_what_does_not_exist_is_refused(bench: str, viewers: str, scale: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        choose(bench, viewers, scale)


async def test_a_bench_that_breaks_is_null_and_the_others_still_run() -> None:
    async def well(choice: Choice) -> Json:
        return {"wire": {"viewers": choice.viewers}}

    async def badly(_: Choice) -> Json:
        raise RuntimeError("the server did not start")

    outcome = await run(Choice(("janus", "wire"), 7, (1,)), {"janus": badly, "wire": well})
    assert outcome.broken == ("janus",)
    assert outcome.line["janus"] is None
    assert outcome.line["wire"] == {"viewers": 7}
