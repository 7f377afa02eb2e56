-- The text index: an inverted index as a table, kept level with the memories by triggers, so that a memory
-- can be found by its words in the very transaction that wrote it.

-- What is indexed of a text: separators that PostgreSQL's parser would keep inside a token (file names,
-- identifiers, possessives) part words here.
CREATE FUNCTION memos_words(said text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN translate(said, './\_-:@#''’+*=<>|~&%$^`', '                      ');

-- Title, speaker and date are evidence too ("what did Ann say in May 2024"). to_char is declared STABLE for
-- the sake of locales; these patterns do not depend on one.
CREATE FUNCTION memos_lexemes(
    language text, title text, speaker text, occurred_at timestamptz, content text
) RETURNS tsvector
LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_tsvector(
    language::regconfig,
    memos_words(concat_ws(' ', to_char(occurred_at AT TIME ZONE 'UTC', 'FMDD FMMonth YYYY'), speaker, title, content))
);

CREATE FUNCTION memos_length(lexemes tsvector) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT coalesce(sum(cardinality(positions)), 0)::integer FROM unnest(lexemes));

CREATE FUNCTION memos_term(lexeme text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(lexeme, 0);

CREATE FUNCTION memories_memory_fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.owner := hashtextextended(NEW.user_id, 0);
    NEW.lexemes := memos_lexemes(NEW.language, NEW.title, NEW.speaker, NEW.occurred_at, NEW.content);
    NEW.length := memos_length(NEW.lexemes);
    RETURN NEW;
END
$$;

CREATE TRIGGER memories_memory_fill_insert BEFORE INSERT ON memories_memory
FOR EACH ROW EXECUTE FUNCTION memories_memory_fill();

CREATE TRIGGER memories_memory_fill_update
BEFORE UPDATE OF user_id, language, title, speaker, occurred_at, content ON memories_memory
FOR EACH ROW EXECUTE FUNCTION memories_memory_fill();

CREATE FUNCTION memories_memory_post() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO memories_posting (tenant_id, term, owner, memory_id, frequency, length)
    SELECT n.tenant_id, memos_term(u.lexeme), n.owner, n.id, sum(cardinality(u.positions))::smallint, n.length
    FROM new_rows n CROSS JOIN LATERAL unnest(n.lexemes) u
    GROUP BY n.tenant_id, memos_term(u.lexeme), n.owner, n.id, n.length;
    INSERT INTO memories_speaker (tenant_id, owner, name)
    SELECT DISTINCT tenant_id, owner, speaker FROM new_rows WHERE speaker <> ''
    ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE FUNCTION memories_memory_unpost() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The terms are hashed before the look-up: under row-level security a condition may enter an index only if none of
    -- its functions can fail and tell. And each posting is looked up by itself, however many the tenant has.
    DELETE FROM memories_posting WHERE ctid = ANY (ARRAY(
        WITH gone AS MATERIALIZED (
            SELECT o.tenant_id, memos_term(u.lexeme) AS term, o.owner, o.id
            FROM old_rows o CROSS JOIN LATERAL unnest(o.lexemes) u
        )
        SELECT p.ctid FROM gone g CROSS JOIN LATERAL (
            SELECT p.ctid FROM memories_posting p
            WHERE p.tenant_id = g.tenant_id AND p.term = g.term AND p.owner = g.owner AND p.memory_id = g.id OFFSET 0
        ) p
    ));
    RETURN NULL;
END
$$;

CREATE FUNCTION memories_memory_repost() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Most updates leave the words alone.
    IF NOT EXISTS (
        SELECT FROM old_rows o JOIN new_rows n ON n.id = o.id
        WHERE n.lexemes IS DISTINCT FROM o.lexemes OR n.owner <> o.owner
    ) THEN
        RETURN NULL;
    END IF;
    DELETE FROM memories_posting WHERE ctid = ANY (ARRAY(
        WITH gone AS MATERIALIZED (
            SELECT o.tenant_id, memos_term(u.lexeme) AS term, o.owner, o.id
            FROM old_rows o JOIN new_rows n ON n.id = o.id CROSS JOIN LATERAL unnest(o.lexemes) u
            WHERE n.lexemes IS DISTINCT FROM o.lexemes OR n.owner <> o.owner
        )
        SELECT p.ctid FROM gone g CROSS JOIN LATERAL (
            SELECT p.ctid FROM memories_posting p
            WHERE p.tenant_id = g.tenant_id AND p.term = g.term AND p.owner = g.owner AND p.memory_id = g.id OFFSET 0
        ) p
    ));
    INSERT INTO memories_posting (tenant_id, term, owner, memory_id, frequency, length)
    SELECT n.tenant_id, memos_term(u.lexeme), n.owner, n.id, sum(cardinality(u.positions))::smallint, n.length
    FROM old_rows o JOIN new_rows n ON n.id = o.id CROSS JOIN LATERAL unnest(n.lexemes) u
    WHERE n.lexemes IS DISTINCT FROM o.lexemes OR n.owner <> o.owner
    GROUP BY n.tenant_id, memos_term(u.lexeme), n.owner, n.id, n.length;
    INSERT INTO memories_speaker (tenant_id, owner, name)
    SELECT DISTINCT tenant_id, owner, speaker FROM new_rows WHERE speaker <> ''
    ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER memories_memory_post AFTER INSERT ON memories_memory
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION memories_memory_post();

CREATE TRIGGER memories_memory_unpost AFTER DELETE ON memories_memory
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION memories_memory_unpost();

CREATE TRIGGER memories_memory_repost AFTER UPDATE ON memories_memory
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION memories_memory_repost();

-- One covering b-tree answers a word in one user's scope and in a whole tenant alike.
ALTER TABLE memories_posting DROP CONSTRAINT memories_posting_pkey;
ALTER TABLE memories_posting ADD CONSTRAINT memories_posting_pkey
    PRIMARY KEY (tenant_id, term, owner, memory_id) INCLUDE (frequency, length);

-- Token vectors of an ordinary message stay in their row instead of being looked up chunk by chunk.
ALTER TABLE memories_memorytokens ALTER COLUMN tokens SET STORAGE EXTERNAL;
ALTER TABLE memories_memorytokens SET (toast_tuple_target = 8160);
