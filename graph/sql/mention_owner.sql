-- Whose a mention is, is what its memory says; no memory changes hands.
CREATE FUNCTION graph_mention_fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.owner := (SELECT m.owner FROM memories_memory m WHERE m.id = NEW.memory_id);
    RETURN NEW;
END
$$;
CREATE TRIGGER graph_mention_fill BEFORE INSERT ON graph_mention
FOR EACH ROW EXECUTE FUNCTION graph_mention_fill();
