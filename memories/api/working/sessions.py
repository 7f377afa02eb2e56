"""The entities of a session over HTTP."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from memories.api.working.serializers import KeyField
from memories.working import sessions
from memos_project.api.parameters import named
from memos_project.api.views import TenantView, validated

SESSION = named("session", "The conversation's id, or the caller's name for it")
HIDDEN = ("gender", "kind_known", "named")


class EntitiesParams(serializers.Serializer[Any]):
    user_id = serializers.CharField(
        max_length=200, required=False, help_text="Whose, where several users have one of this name."
    )
    budget = serializers.IntegerField(
        min_value=0, max_value=100_000, required=False, help_text="Most characters of the rendering."
    )
    tenant_id = serializers.CharField(max_length=63, required=False)


class Named(serializers.Serializer[Any]):
    """What an address names."""

    session = KeyField()


class GuessOutput(serializers.Serializer[Any]):
    turn = serializers.IntegerField()
    text = serializers.CharField(help_text="The mention as written.")
    basis = serializers.CharField(help_text="pronoun, spelling, initials, description or similarity")


class SessionEntity(serializers.Serializer[Any]):
    id = serializers.IntegerField(help_text="Within the session.")
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=["person", "organisation", "place", "thing"])
    aliases = serializers.ListField(child=serializers.CharField())
    role = serializers.CharField()
    state = serializers.CharField(help_text="The latest statement about it, in the words of the turn.")
    state_guessed = serializers.BooleanField()
    first_turn = serializers.IntegerField()
    last_turn = serializers.IntegerField()
    last_on = serializers.CharField(help_text="The day of the last mention, or empty.")
    mentions = serializers.IntegerField()
    guesses = GuessOutput(many=True, help_text="Mentions counted for it without its name being there.")


class TokensOutput(serializers.Serializer[Any]):
    turns = serializers.IntegerField()
    rendering = serializers.IntegerField()


class EntitiesOutput(serializers.Serializer[Any]):
    entities = SessionEntity(many=True)
    rendering = serializers.CharField(help_text="For a prompt; what was mentioned lately and often first.")
    turns = serializers.IntegerField(help_text="Turns that were read.")
    tokens = TokensOutput(help_text="Estimated, of the raw turns and of the rendering.")


class EntitiesView(TenantView):
    @extend_schema(
        operation_id="sessions_entities", parameters=[SESSION, EntitiesParams], responses=EntitiesOutput
    )
    def get(self, request: Request, session: str) -> Response:
        """Who and what a session speaks of."""
        params = validated(EntitiesParams, request.query_params)
        cast = sessions.cast_of(
            self.tenant(),
            validated(Named, {"session": session})["session"],
            user_id=params.get("user_id"),
            budget=params.get("budget", 4000),
        )
        return Response(
            {
                "entities": [
                    {name: value for name, value in asdict(each).items() if name not in HIDDEN}
                    for each in cast.entities
                ],
                "rendering": cast.rendering,
                "turns": cast.turns,
                "tokens": {"turns": cast.tokens_of_turns, "rendering": cast.tokens_of_rendering},
            }
        )
