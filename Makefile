# Each target makes the virtual environment from the locked requirements first, if it is not there.

.PHONY: help run demo test lint lock

help:
	@echo "make run    start memOS: PostgreSQL, Valkey, web server, worker and beat; Ctrl-C stops it"
	@echo "make demo   load sample conversations and show three queries with their explained results"
	@echo "make test   run the tests; ARGS=\"tests/local -x\" is passed on to pytest"
	@echo "make lint   check style and types"
	@echo "make lock   write the requirements files anew from pyproject.toml (needs uv)"

run:
	@sh bin/memos requirements.txt manage.py up

demo:
	@sh bin/memos requirements.txt manage.py demo

test:
	@sh bin/memos requirements-dev.txt -m pytest --numprocesses=logical --maxprocesses=4 $(ARGS)

lint:
	@sh bin/memos requirements-dev.txt -m ruff check .
	@sh bin/memos requirements-dev.txt -m ruff format --check .
	@sh bin/memos requirements-dev.txt -m mypy .

LOCK = uv pip compile pyproject.toml --python-version 3.12 --universal --generate-hashes --no-emit-index-url

lock:
	$(LOCK) --output-file requirements.txt
	$(LOCK) --group dev --output-file requirements-dev.txt
