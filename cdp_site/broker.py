"""The broker of the task clusters: django-q2's, on PostgreSQL, woken instead of polling.

A cluster's pusher asks `dequeue` for work. Most of it is made up on the spot: while rows wait, a task
that looks at them (cdp_site.processes.jobs). It is stored nowhere, so nothing is lost with it. Ordinary
tasks, those of `async_task`, are rows of django-q2's own table; only the cluster `bulk` takes them.
"""

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from cdp_site.processes import pulse
from cdp_site.processes.desk import Desk
from cdp_site.processes.jobs import Job

ORDINARY = "bulk"

Package = tuple[int | None, str]


class Broker(ORM):  # type: ignore[misc]  # django-q2 has no types
    desk: Desk | None = None  # made in the pusher process, whose connection it uses

    def enqueue(self, task: str) -> int:
        """Store an ordinary task, whichever cluster it was asked of: the others have none to spare."""
        row = OrmQ.objects.create(key=ORDINARY, payload=task, lock=timezone.now())
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('tasks', '')")
        return int(row.pk)

    def dequeue(self) -> list[Package] | None:
        """Give what there is to do, or None after at most a second of waiting for it."""
        if self.desk is None:
            self.desk = Desk(
                cluster=self.list_key, workers=Conf.WORKERS, vitals=pulse.vitals, bell=pulse.bell
            )
        pulse.quieten_bell()  # before looking: what rings from here on ends the wait
        packages: list[Package] = [(None, self._package(job)) for job in self.desk.take()]
        packages += self._ordinary_tasks() if self.list_key == ORDINARY else []
        if not packages:
            self.desk.wait()
        return packages or None

    def _package(self, job: Job) -> str:
        """Make a task of a job. The id is the job's name: its failures share one row."""
        task = {
            "id": job.name,
            "name": job.name,
            "func": job.task,
            "args": job.arguments(self.list_key),
            "kwargs": {},
            "save": False,
            "started": timezone.now(),
        }
        return str(SignedPackage.dumps(task))

    def _ordinary_tasks(self) -> list[Package]:
        """Claim the oldest stored task; its lock keeps others off until `retry` seconds from now."""
        try:
            for row in OrmQ.objects.filter(key=ORDINARY, lock__lt=timezone.now()).order_by("lock")[:1]:
                claim = OrmQ.objects.filter(pk=row.pk, lock=row.lock)
                if claim.update(lock=self.timeout(row)):
                    return [(row.pk, row.payload)]
        except (OperationalError, InterfaceError):
            connection.close()  # as in the desk: the next look connects anew
        return []
