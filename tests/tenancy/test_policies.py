"""Row-level security on every table, by what PostgreSQL itself says of them: a later table cannot forget it."""

import pytest
from django.apps import apps
from django.db import connection

pytestmark = pytest.mark.django_db

TENANT_TABLES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
       (SELECT array_agg(pg_get_expr(p.polqual, p.polrelid) || ' / ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''))
        FROM pg_policy p WHERE p.polrelid = c.oid AND p.polcmd = '*' AND p.polpermissive)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND c.relnamespace <> ALL(ARRAY['pg_catalog', 'information_schema']::regnamespace[])
ORDER BY c.relname
"""
# Who may work on which tenant: read before a tenant is chosen, and it holds nothing that a tenant wrote.
SHARED = {"tenancy_tenant_members"}
BY_TENANT = "(tenant_id = (NULLIF(current_setting('memos.tenant_id'::text, true), ''::text))::uuid)"


def rows(sql, params=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def test_every_table_with_a_tenant_has_forced_row_level_security():
    found = {
        name: (enabled, forced, policies)
        for name, enabled, forced, policies in rows(TENANT_TABLES)
        if name not in SHARED
    }
    assert len(found) >= 13
    lacking = {
        name: state
        for name, state in found.items()
        if state[:2] != (True, True) or not state[2] or any(BY_TENANT not in policy for policy in state[2])
    }
    assert lacking == {}


def test_only_the_key_look_up_widens_a_policy():
    wider = [
        name for name, _, _, policies in rows(TENANT_TABLES) if policies and policies != [f"{BY_TENANT} / "]
    ]
    assert wider == ["tenancy_apikey"]


def test_no_statistics_of_tenants_are_gathered():
    gathered = rows(
        "SELECT attrelid::regclass FROM pg_attribute WHERE attname = 'tenant_id' AND attstattarget IS DISTINCT FROM 0"
        " AND EXISTS (SELECT FROM pg_policy WHERE polrelid = attrelid)"
    )
    assert gathered == []


def test_every_model_with_a_tenant_says_so_in_its_meta():
    silent = [
        model.__name__
        for model in apps.get_models()
        if any(field.attname == "tenant_id" for field in model._meta.concrete_fields)
        and model._meta.db_table not in SHARED
        and not any(type(each).__name__ == "TenantIsolation" for each in model._meta.constraints)
    ]
    assert silent == []


def test_no_partition_or_view_goes_round_a_policy():
    partitions = rows(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND NOT relrowsecurity"
    )
    views = rows(
        "SELECT relname FROM pg_class c WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
    )
    assert (partitions, views) == ([], [])


class TestTheApplicationsRole:
    def test_it_is_plain(self):
        [role] = rows(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
            " FROM pg_roles WHERE rolname = current_user"
        )
        assert role == ("memos_app", False, False, False, False, False)

    def test_it_is_a_member_of_no_other_role(self):
        assert rows("SELECT roleid::regrole FROM pg_auth_members WHERE member = current_user::regrole") == []

    def test_it_owns_nothing(self):
        owned = rows(
            "SELECT classid::regclass, objid FROM pg_shdepend WHERE refobjid = current_user::regrole AND deptype = 'o'"
        )
        assert owned == []

    def test_it_may_not_truncate_nor_make_tables(self):
        [(may_truncate, may_create)] = rows(
            "SELECT bool_or(has_table_privilege(oid, 'TRUNCATE')), has_schema_privilege('public', 'CREATE')"
            " FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
        )
        assert (may_truncate, may_create) == (False, False)

    def test_no_function_lends_it_more_rights(self):
        # Those that answer for every tenant run with the caller's rights and set the tenant themselves.
        assert (
            rows("SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace")
            == []
        )
