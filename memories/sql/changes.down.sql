ALTER TABLE memories_changecount RESET (fillfactor);
DROP TRIGGER memories_indexjob_go ON memories_indexjob;
DO $$
DECLARE
    a_table text;
BEGIN
    FOREACH a_table IN ARRAY ARRAY[
        'memories_memoryvector', 'memories_memorytokens', 'memories_conversation', 'memories_graphtenant',
        'memories_textstatistics', 'memories_frequentterm'
    ] LOOP
        EXECUTE format('DROP TRIGGER %1$s_come ON %1$s', a_table);
        EXECUTE format('DROP TRIGGER %1$s_change ON %1$s', a_table);
        EXECUTE format('DROP TRIGGER %1$s_go ON %1$s', a_table);
    END LOOP;
END
$$;
DROP TRIGGER memories_memory_go ON memories_memory;
DROP TRIGGER memories_memory_differ ON memories_memory;
DROP TRIGGER memories_memory_come ON memories_memory;
DROP FUNCTION memories_memory_differ();
DROP FUNCTION memos_rows_go();
DROP FUNCTION memos_rows_come();
DROP FUNCTION memos_changes(uuid);
DROP FUNCTION memos_count_change(uuid);
