"""The curators' pages in a real browser: nothing missing, nothing from elsewhere, and what scripts do."""

from contextlib import contextmanager
from shutil import which

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.test import Client
from playwright.sync_api import expect, sync_playwright

from memories.models import Memory
from memories.services import get_memory, revise
from memories.working import blackboards, keyvalue, leases, scratchpads
from memories.working.scratchpads import NewEntry
from memos_project.db import tenant_scope

CHROMIUM = which("chromium") or which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def session(tenant):
    """The session cookie of a superuser who works in our tenant."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    client.post("/admin/tenant/", {"tenant": str(tenant.id)})
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@contextmanager
def browser(server, session, width=1440, **options):
    """A page of a signed-in browser; whatever went wrong in it fails the test at the end."""
    wrong = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = chromium.new_context(
            base_url=server.url, viewport={"width": width, "height": 900}, **options
        )
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": server.url}])
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on(
            "response",
            lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None,
        )
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((server.url, "data:")) else wrong.append(asked.url),
        )
        yield page
        page.wait_for_load_state("networkidle")
        chromium.close()
    assert wrong == []


def test_every_page_is_whole(live_server, session, tenant, remember, indexed):
    [memory, _] = remember(
        "Ann likes tea.", "Ben does not.", kind="message", conversation_id="tea", speaker="Ann"
    )
    revise(tenant, memory, {"content": "Ann likes green tea."}, actor="test")
    indexed()
    with tenant_scope(tenant.id):
        conversation = Memory.objects.get(pk=memory).conversation_id
    paths = [
        "",
        "memories/memory/",
        "memories/memory/add/",
        f"memories/memory/{memory}/change/",
        f"memories/memory/{memory}/history/",
        "memories/memory/meaning/?q=who+likes+tea",
        f"memories/conversation/{conversation}/change/",
        "memories/indexjob/",
        "memories/embeddingmodel/",
        "tenancy/apikey/add/",
        f"tenancy/tenant/{tenant.id}/change/",
        "auth/user/",
    ]
    with browser(live_server, session) as page:
        for path in paths:
            assert page.goto(f"/admin/{path}").status == 200
            wide = page.evaluate(
                "document.documentElement.scrollWidth > document.documentElement.clientWidth"
            )
            assert not wide, path


def test_a_memory_is_edited(live_server, session, tenant, remember, indexed):
    [memory] = remember("Tea at four.")
    indexed()
    with browser(live_server, session) as page:
        page.goto(f"/admin/memories/memory/{memory}/change/")
        expect(page.locator(".memos-receipt")).to_contain_text("in every store")
        expect(page.locator(".memos-receipt .memos-current")).to_have_count(2)
        page.fill("#id_content", "Tea at five.")
        page.click("[name=_continue]")
        expect(page.locator("#id_content")).to_have_value("Tea at five.")
        page.goto(f"/admin/memories/memory/{memory}/history/")
        expect(page.locator("ins")).to_have_text("five")
    assert get_memory(tenant.id, memory).version == 2


def test_the_tenant_is_switched(live_server, session, tenant, other_tenant, remember):
    remember("Ours.")
    remember("Theirs.", of=other_tenant)
    with browser(live_server, session) as page:
        page.goto("/admin/")
        expect(page.locator("main, #main")).to_contain_text("Ours.")
        page.select_option("#tenant-switch", str(other_tenant.id))
        expect(page.locator("main, #main")).to_contain_text("Theirs.")
        expect(page.locator("main, #main")).not_to_contain_text("Ours.")


def test_it_fits_a_narrow_window_in_the_dark(live_server, session, remember):
    [memory] = remember("Ann likes tea.")
    with browser(live_server, session, width=400, color_scheme="dark") as page:
        for path in ("", "memories/memory/meaning/?q=tea", f"memories/memory/{memory}/change/"):
            page.goto(f"/admin/{path}")
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= 400, path


TORN = """() => [...document.querySelectorAll(".memos-table :is(th, .memos-whole)")].flatMap((cell) => {
    const text = cell.firstChild, range = document.createRange();
    return [...(text?.textContent ?? "").matchAll(/\\S+/g)].map((word) => {
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return range.getClientRects().length > 1 ? word[0] : "";
    });
}).filter(Boolean)"""


WIDE = """() => [...document.querySelectorAll(".memos-card")]
    .filter((card) => card.scrollWidth > card.clientWidth).map((card) => card.textContent)"""


@pytest.mark.parametrize("width", [1440, 1000, 400])
def test_long_names_leave_short_words_whole(live_server, session, tenant, width):
    name = "a-very-long-name-" * 11
    scratchpads.append(tenant, name, NewEntry(part="observations", content="x" * 300, author=name))
    joined = blackboards.join(tenant, name, name)
    blackboards.post(tenant, name, joined.token, area="public", content="x" * 300)
    leases.take(tenant, name, "claims", name, joined.token, seconds=60)
    keyvalue.put(tenant, f"session:{name}", name, "x" * 500, ttl=600)
    with browser(live_server, session, width=width) as page:
        for path in ("", f"scratchpads/{name}/", f"blackboards/{name}/"):
            assert page.goto(f"/admin/working/{path}").status == 200
            assert page.evaluate(TORN) == []
            assert page.evaluate(WIDE) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= width
