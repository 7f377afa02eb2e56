"""The embedded PostgreSQL and Valkey, and `manage.py up`, whose supervisor stays free of Django."""
