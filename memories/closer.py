"""A closer look at the best candidates: their token vectors beside the question's, and what they name."""

import numpy as np
from numpy.typing import NDArray

from graph.queries import ask_names_in
from memories.candidates import Search
from memories.embeddings import EmbeddedQuery
from memories.found import Found
from memories.late import compare
from memories.ranking import Closer, Question, other_names


def look_closer(
    search: Search, question: Question, found: Found, rows: NDArray[np.intp], embedded: EmbeddedQuery
) -> Closer:
    """What the second stage wants to know of some rows, in the tenant scope that is open.

    Names are asked for only where one may be the answer. ``embedded`` must have tokens.
    """
    assert embedded.tokens is not None
    ids = [found.ids[row] for row in rows]
    named = ask_names_in(search.tenant_id, ids) if question.for_names else dict
    compared = compare(
        search.tenant_id, search.model_id, ids, vector=embedded.vector, question=embedded.tokens
    )
    names, counts = named(), np.zeros(len(ids), np.int16)
    for place, (memory_id, row) in enumerate(zip(ids, rows, strict=True)):
        if memory_id in names:
            speakers = (found.columns.speakers[row], *search.scope.speakers)
            counts[place] = len(other_names(names[memory_id], speakers))
    return Closer(embedded.pieces, compared.matches, compared.gists, counts)
