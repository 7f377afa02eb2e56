"""The curators' admin of memories: one module per page or group of pages."""

from memories.admin import backlog, conversations, memory, records, schedule, unread

__all__ = ["backlog", "conversations", "memory", "records", "schedule", "unread"]
