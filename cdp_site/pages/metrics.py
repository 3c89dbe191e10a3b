"""The numbers a monitor collects, read from the database at each scrape: any web process gives the same."""

from collections.abc import Iterator

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cdp_site.pages import operations_queries as queries
from cdp_site.web import public_page
from connectors.models import Delivery


class _State(Collector):
    """Lag, signs of life and failures. Counts only: nothing about a person or a destination's name."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        lanes = queries.lanes()
        waiting = GaugeMetricFamily(
            "wayfare_inbox_rows", "Inbox rows that wait for the drain.", labels=["lane"]
        )
        for lane in lanes:
            waiting.add_metric([str(lane.number)], lane.count)
        yield waiting
        oldest = min(
            (lane.oldest_at for lane in lanes if lane.oldest_at and not lane.is_historical), default=now
        )
        yield GaugeMetricFamily(
            "wayfare_inbox_lag_seconds",
            "Age of the oldest live message.",
            value=(now - oldest).total_seconds(),
        )
        _count, since = queries.overdue_runs(now=now)
        yield GaugeMetricFamily(
            "wayfare_timer_lag_seconds",
            "How late the longest overdue timer of a journey is.",
            value=(now - since).total_seconds() if since else 0,
        )
        silence = GaugeMetricFamily(
            "wayfare_cluster_silence_seconds", "Time since a cluster's last sign of life.", labels=["cluster"]
        )
        restarts = GaugeMetricFamily(
            "wayfare_cluster_restarts", "Restarts by the watchdog since the first start.", labels=["cluster"]
        )
        for cluster in queries.clusters(now=now):
            if cluster.seen_at is not None:
                silence.add_metric([cluster.name], (now - cluster.seen_at).total_seconds())
                restarts.add_metric([cluster.name], cluster.restarts)
        yield silence
        yield restarts
        yield self._deliveries()
        yield GaugeMetricFamily(
            "wayfare_dead_letters",
            "Messages kept aside that nobody has resolved.",
            value=queries.open_letter_count(),
        )

    def _deliveries(self) -> Metric:
        found = GaugeMetricFamily(
            "wayfare_deliveries", "Deliveries that wait or have failed for good.", labels=["channel", "state"]
        )
        # Only states that an index of their own keeps small.
        states = [Delivery.State.QUEUED, Delivery.State.SENDING, Delivery.State.DEAD]
        for state in states:
            rows = (
                Delivery.objects.filter(state=state).values_list("channel").annotate(Count("id")).order_by()
            )
            for channel, count in rows:
                found.add_metric([channel, state.value], count)
        return found


_registry = CollectorRegistry()
_registry.register(_State())


@public_page
@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in the text format of Prometheus."""
    return HttpResponse(generate_latest(_registry), content_type=CONTENT_TYPE_LATEST)
