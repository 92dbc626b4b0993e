"""What the dashboard's plots say of the farm's last hour, and of a batch's way."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from api.dashboard.history import Hour
from api.dashboard.plots import HEIGHT, WIDTH, Scale, rounded_up
from api.dashboard.progress import plots
from farm.jobs.batches.models import BatchState
from farm.jobs.batches.views import BatchView
from farm.jobs.errors import BackendUnavailable
from farm.jobs.metrics.history import EVERY_S, Sample
from tasks.dispatcher.sampler import Sampler
from tests.support.builders import NOON, MemoryFarm
from tests.support.dashboards import end, fail


def a_sample(minutes: float, **fields: Any) -> Sample:
    plain = {"queued": {"pages": 0}, "oldest_wait_s": {"pages": 0}}
    return Sample(at=NOON + timedelta(minutes=minutes), **{**plain, **fields})


def hour(*samples: Sample, minutes: float = 60) -> Hour:
    return Hour(samples, NOON + timedelta(minutes=minutes))


def a_batch(**fields: Any) -> BatchView:
    counts = dict.fromkeys(("queued", "running", "succeeded", "failed", "cancelled"), 0)
    plain = {
        "id": "batch-1",
        "state": BatchState.RUNNING,
        "total": 10,
        "rate_per_min": 0,
        "eta_s": None,
        "failures_by_code": {},
        "created_at": NOON,
        "finished_at": None,
    }
    return BatchView(**{**plain, **counts, **fields})


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (1.1, 2), (3, 5), (7, 10), (11, 20), (999, 1000), (1e6, 1e6)]
)
def test_a_plot_reaches_to_the_next_round_number(value: float, top: float) -> None:
    assert rounded_up(value) == top


class TestLines:
    def test_values_stand_where_they_belong_and_gaps_are_left_open(self) -> None:
        line = Scale(0, 100, 10).line([(0, 0), (10, 10), (50, 5), (100, 20)], gap=45)
        assert line == f"M0.0 {HEIGHT}.0L60.0 0.0L300.0 60.0M{WIDTH}.0 0.0"

    def test_nothing_is_no_line(self) -> None:
        assert Scale(0, 0, 1).line([]) == ""

    def test_a_queue_is_told_as_it_stands_and_at_its_most(self) -> None:
        samples = [a_sample(m, queued={"pages": q}) for m, q in ((0, 3), (59, 40), (60, 7))]
        plot = hour(*samples).queued("pages")
        assert (plot.now, plot.top) == ("7", "50")
        assert plot.label == "Waiting jobs over the last hour: now 7, at most 40"
        assert plot.lines[0][1].count("M") == 2, "nobody knows what was between them"
        assert hour(*samples).queued("media").now == "0"

    def test_what_is_older_than_an_hour_is_left_out(self) -> None:
        found = hour(a_sample(0, queued={"pages": 9}), a_sample(61), minutes=61)
        assert found.queued("pages").label.endswith("at most 0")
        assert not hour(a_sample(0), minutes=61)

    def test_a_wait_is_told_in_its_unit(self) -> None:
        plot = hour(a_sample(60, oldest_wait_s={"pages": 33})).oldest_wait("pages")
        assert (plot.now, plot.top) == ("33 s", "50 s")


class TestColumns:
    def test_each_minute_has_what_ended_in_it(self) -> None:
        samples = [a_sample(m / 4, ended={"succeeded": m, "failed": m // 20}) for m in range(241)]
        plot = hour(*samples).throughput()
        assert plot.now == "252 in the hour"
        good = [each for each in plot.columns if each.name == "succeeded"]
        assert len(good) == 60
        assert {each.height for each in good} == {round(4 / 5 * HEIGHT, 1)}
        bad = [each for each in plot.columns if each.name == "failed"]
        assert len(bad) == 12
        assert all(each.y < good[0].y for each in bad), "they stand on those that are good"
        assert all(each.x >= 0 and each.x + each.width <= WIDTH for each in plot.columns)

    def test_counts_that_begin_anew_are_not_less_than_nothing(self) -> None:
        samples = [a_sample(0, ended={"succeeded": 900}), a_sample(30, ended={"succeeded": 2})]
        plot = hour(*samples).throughput()
        assert (plot.now, list(plot.columns)) == ("0 in the hour", [])

    def test_stages_are_averages_of_those_that_went_through_them(self) -> None:
        first = a_sample(0, stages={"load": 5, "queue": 5}, stages_ms={"load": 9000, "queue": 0})
        later = a_sample(
            31, stages={"load": 7, "queue": 15}, stages_ms={"load": 13000, "queue": 1000}
        )
        found = hour(first, later)
        assert found.means() == {"queue": 0.1, "load": 2.0}
        plot = found.durations()
        assert plot.now == "2.1 s a job"
        assert [each.name for each in plot.columns] == ["queue", "load"]

    def test_errors_are_those_of_the_hour_the_most_frequent_first(self) -> None:
        first = a_sample(0, failed={"dns_error": 4, "timeout": 9})
        later = a_sample(60, failed={"dns_error": 6, "timeout": 9, "http_error": 7})
        assert hour(first, later).failed() == {"http_error": 7, "dns_error": 2}

    def test_an_hour_of_nothing_is_told(self) -> None:
        found = hour(a_sample(60))
        assert found.throughput().columns == found.durations().columns == []
        assert (found.means(), found.failed()) == ({}, {})


class TestBatches:
    def points(self, *minutes: float) -> Sequence[tuple[int, Any]]:
        return [(i, NOON + timedelta(minutes=each)) for i, each in enumerate(minutes, 1)]

    def test_before_any_job_has_ended_there_is_none(self) -> None:
        assert plots(a_batch(), [], NOON) == ()

    def test_it_goes_on_to_where_it_will_be_done(self) -> None:
        view = a_batch(rate_per_min=1, eta_s=360)
        progress, rate = plots(view, self.points(1, 2, 3, 4), NOON + timedelta(minutes=4))
        (name, done), (rest, ahead) = progress.lines
        assert (name, rest) == ("line", "ahead")
        assert done.endswith(f"L{WIDTH * 0.4:.1f} {HEIGHT * 0.6}")
        assert ahead == f"M{WIDTH * 0.4:.1f} {HEIGHT * 0.6}L{WIDTH}.0 0.0"
        assert progress.label.endswith("4 of 10 after 4 min, the rest in 6 min")
        assert progress.end == "12:10:00, after 10 min"
        assert {each.height for each in rate.columns} == {float(HEIGHT)}
        assert (rate.now, len(rate.columns)) == ("1 in the last", 30)

    def test_one_that_stands_still_is_level(self) -> None:
        progress, rate = plots(a_batch(), self.points(1, 2), NOON + timedelta(minutes=20))
        assert progress.lines[0][1].endswith(f"L{WIDTH}.0 {HEIGHT * 0.8}")
        assert max(each.x for each in rate.columns) < WIDTH / 8

    def test_one_that_is_over_ends_when_it_did(self) -> None:
        view = a_batch(state=BatchState.FINISHED, finished_at=NOON + timedelta(minutes=2))
        progress, _ = plots(view, self.points(1, 2), NOON + timedelta(days=1))
        assert progress.end == "12:02:00, after 2 min"

    def test_all_in_one_moment_are_told(self) -> None:
        progress, rate = plots(a_batch(), self.points(0, 0, 0), NOON)
        assert progress.now == "3 of 10"
        assert rate.label.endswith("at most 0")


class TestSampling:
    def test_the_farm_is_sampled_every_few_seconds(self, farm: MemoryFarm) -> None:
        sampler = Sampler(farm.service)
        end(farm, farm.submit())
        fail(farm, farm.submit())
        farm.submit()
        farm.clock.advance(7)
        for _ in range(3):
            sampler.sample()
        (sample,) = farm.statistics.kept()
        assert sample.at == NOON + timedelta(seconds=7)
        assert sample.queued == {"media": 0, "pages": 1}
        assert sample.oldest_wait_s == {"media": 0, "pages": 7}
        assert sample.ended == {"succeeded": 1, "failed": 1}
        assert sample.failed == {"dns_error": 1}
        assert (sample.stages["load"], sample.stages_ms["load"]) == (1, 810)
        farm.clock.advance(EVERY_S)
        sampler.sample()
        assert len(farm.statistics.kept()) == 2

    def test_a_sample_that_was_lost_is_no_reason_to_stop(
        self, farm: MemoryFarm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sampler = Sampler(farm.service)

        def away(sample: Sample) -> None:
            raise BackendUnavailable(f"Redis is away at {sample.at}.")

        with monkeypatch.context() as patched:
            patched.setattr(farm.statistics, "keep", away)
            with pytest.raises(BackendUnavailable):
                sampler.sample()
        farm.clock.advance(EVERY_S)
        sampler.sample()
        assert len(farm.statistics.kept()) == 1
