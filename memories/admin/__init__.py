"""The curators' admin of memories: one module per page or group of pages."""

from memories.admin import backlog, conversations, memory, notes, records, schedule, unread

__all__ = ["backlog", "conversations", "memory", "notes", "records", "schedule", "unread"]
