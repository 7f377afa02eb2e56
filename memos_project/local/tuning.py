"""What PostgreSQL may take of this machine: plenty while it works, little while it rests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MB = 1024 * 1024
GB = 1024 * MB


@dataclass(frozen=True)
class Machine:
    memory: int  # bytes, of the container if it has a limit
    cores: int
    shared_memory: int  # bytes free in /dev/shm


def this_machine() -> Machine:
    return Machine(memory=memory(), cores=cores(), shared_memory=shared_memory())


def memory() -> int:
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):  # no cgroups, or the word "max"
        return physical
    return min(physical, limit)


def cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def shared_memory() -> int:
    try:
        state = os.statvfs("/dev/shm")
    except OSError:
        return 0
    return state.f_bavail * state.f_frsize


def between(low: int, value: int, high: int) -> str:
    return f"{max(low, min(value, high)) // MB}MB"


def postgres_settings(machine: Machine) -> Mapping[str, str]:
    """Settings for a PostgreSQL beside the other processes of memOS; the rest stays at its defaults."""
    build = max(64 * MB, min(machine.memory // 12, 1 * GB))
    return {
        # Untouched pages cost nothing, and what does not fit is served from the page cache.
        "shared_buffers": between(64 * MB, machine.memory // 16, 256 * MB),
        "effective_cache_size": between(256 * MB, machine.memory // 2, 64 * GB),
        "work_mem": between(4 * MB, machine.memory // 512, 64 * MB),
        # An HNSW graph that fits is built many times faster; autovacuum must not take as much thrice.
        "maintenance_work_mem": f"{build // MB}MB",
        "autovacuum_work_mem": between(32 * MB, machine.memory // 128, 128 * MB),
        "max_parallel_maintenance_workers": str(min(machine.cores, 4)),
        "max_parallel_workers": str(machine.cores),
        "max_worker_processes": str(machine.cores + 6),
        # A query here takes milliseconds: starting a worker for it costs more than it brings.
        "max_parallel_workers_per_gather": str(min(machine.cores // 4, 2)),
        "jit": "off",
        # Containers give /dev/shm 64 MB, where the build of an index with two workers would fail.
        "dynamic_shared_memory_type": "posix" if machine.shared_memory > build else "sysv",
        "io_method": "worker",
        "io_workers": str(min(machine.cores, 3)),
        "random_page_cost": "1.1",
        "effective_io_concurrency": "64",
        "max_connections": "100",
        "max_logical_replication_workers": "0",
        # A new database is searched by plans made without statistics until the first look at it: several times slower.
        "autovacuum_naptime": "5s",
        "max_wal_size": "2GB",
        "min_wal_size": "128MB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "shared_preload_libraries": "pg_stat_statements,vector",
        "pg_stat_statements.max": "1000",
        "log_checkpoints": "off",
        "log_autovacuum_min_duration": "-1",
        "log_line_prefix": "%m %q%u@%d ",
        "log_timezone": "UTC",
        "timezone": "UTC",
    }


# For data that may be lost with the machine: the tests'.
THROWAWAY: Mapping[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
