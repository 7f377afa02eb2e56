"""What the sources offer and read: variables, commands, metrics."""

import inspect
import re
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from memories import metrics
from memos_project import metrics as shared_metrics
from memos_project.api.health import BacklogCollector, _gauges

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [
    file for folder in ("memos_project", "memories", "graph") for file in (ROOT / folder).rglob("*.py")
]
COMMANDS = sorted(
    file.stem for file in SOURCES if file.parent.name == "commands" and not file.stem.startswith("_")
)
READS = re.compile(r'\benv\.(?:str|int|float|bool|list|address|database|choice)\(\s*"([A-Z0-9_]+)"')


def variables() -> set[str]:
    """The environment variables that anything reads."""
    return {name for file in SOURCES for name in READS.findall(file.read_text(encoding="utf-8"))}


def metric_names() -> set[str]:
    declared = [
        each
        for value in [*vars(metrics).values(), *vars(shared_metrics).values()]
        if isinstance(value, MetricWrapperBase)
        for each in value.describe()
    ]
    prefixes = re.findall(r'_gauges\("(\w+)"', inspect.getsource(BacklogCollector))
    gauges = re.findall(r'f"\{prefix\}_(\w+)"', inspect.getsource(_gauges))
    asked = {f"{prefix}_{gauge}" for prefix in prefixes for gauge in gauges}
    return {f"{each.name}_total" if each.type == "counter" else each.name for each in declared} | asked
