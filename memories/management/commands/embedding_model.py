import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from memories import embedding_models
from memories.models import EmbeddingModel
from memories.vectors import IndexUnavailable
from memos_project.errors import MemosError
from memos_project.progress import follow


class Command(BaseCommand):
    help = "Add, fill, switch to and drop embedding models, with searches going on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="The models and how far they are filled.")
        add = actions.add_parser("add", help="Add a model; new memories are embedded with it from now on.")
        add.add_argument("name")
        add.add_argument("--provider", required=True, choices=["onnx", "openai", "hash"])
        add.add_argument(
            "--dimensions", type=int, required=True, help="Size of the vectors, after truncation."
        )
        add.add_argument("--token-dimensions", type=int, default=0, help="Size of token vectors; 0 for none.")
        add.add_argument("--max-tokens", type=int, default=256, help="The model's window.")
        add.add_argument("--chunk-overlap", type=int, default=28)
        add.add_argument("--query-prefix", default="")
        add.add_argument("--passage-prefix", default="")
        add.add_argument(
            "--options", type=json.loads, default={}, help="JSON for the provider: path, url, model, ..."
        )
        for name, text in {
            "fill": "Make the vectors that are missing; may be stopped and continued.",
            "switch": "Let the model answer queries.",
            "drop": "Remove the model with its vectors.",
        }.items():
            actions.add_parser(name, help=text).add_argument("name")

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except MemosError as error:
            raise CommandError(error.detail) from error
        except IndexUnavailable as error:
            raise CommandError(f"The vector index does not answer: {error}") from error

    def _list(self, **options: Any) -> None:
        table = Table("name", "provider", "dimensions", "state", "memories without")
        for model in EmbeddingModel.objects.all():
            table.add_row(
                model.name,
                model.provider,
                str(model.dimensions),
                model.state,
                str(embedding_models.lacking(model)),
            )
        # Whatever Django's wrapper hands on passes for a method in its stubs.
        Console().print(table)

    def _add(self, **options: Any) -> None:
        names = ("name", "provider", "dimensions", "token_dimensions", "max_tokens", "chunk_overlap", "query_prefix",
                 "passage_prefix", "options")  # fmt: skip
        model = embedding_models.add({name: options[name] for name in names})
        self.stdout.write(f"Added {model.name}. New memories get its vectors; fill it for those there are.")

    def _fill(self, *, name: str, **options: Any) -> None:
        model = embedding_models.find_model(name)
        total = embedding_models.lacking(model)
        done = follow(f"filling {name}", total, embedding_models.fill(model))
        self.stdout.write(f"Filled {name}: {done} memories embedded.")

    def _switch(self, *, name: str, **options: Any) -> None:
        embedding_models.switch(embedding_models.find_model(name))
        self.stdout.write(f"{name} answers queries now; the model before is kept level until it is dropped.")

    def _drop(self, *, name: str, **options: Any) -> None:
        embedding_models.drop(embedding_models.find_model(name))
        self.stdout.write(f"Dropped {name} with its vectors.")
