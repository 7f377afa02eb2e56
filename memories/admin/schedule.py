"""What Celery beat does when, to look at: the settings decide it."""

from django.contrib import admin
from django_celery_beat import admin as beat
from django_celery_beat.models import PeriodicTask
from unfold.decorators import display

from memos_project.tenancy.admin_base import ReadOnly, Superusers

# Importing beat's own admin registers its models; none of its pages is in our style.
admin.site.unregister(
    [beat.PeriodicTask, beat.IntervalSchedule, beat.CrontabSchedule, beat.SolarSchedule, beat.ClockedSchedule]
)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(ReadOnly, Superusers):
    list_display = ("name", "task", "when", "last_run_at", "total_run_count", "enabled")
    list_select_related = ("interval", "crontab", "solar", "clocked")
    fields = (
        ("name", "task"),
        "when",
        ("last_run_at", "total_run_count", "enabled"),
        ("expire_seconds", "queue"),
        "description",
    )
    ordering = ("name",)

    @display(description="When")
    def when(self, task: PeriodicTask) -> str:
        return str(task.scheduler)
