-- The best by words, best first, and the statistics that the ranking weighs the words by.
SELECT coalesce((SELECT array_agg(b.id ORDER BY b.bm25 DESC) FROM text_best b), '{}') AS ids,
       coalesce((SELECT array_agg(t.term ORDER BY t.slot) FROM terms t), '{}') AS terms,
       coalesce(w.frequencies, '{}') AS frequencies, s.documents, s.average_length
FROM scope s CROSS JOIN weights w
