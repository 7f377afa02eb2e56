-- The answer stored under a key, which is thereby used; or else a lease to compute it, for whoever is first.
-- Counts what it found. KEYS: entry, used, flight, counts
-- ARGV: key, 1 for who would compute it, milliseconds of the lease, 0 where a miss does not count
-- Answers {fields} or {lease: 1 for the caller, 0 for nobody, or the milliseconds another one's has left; microseconds of
-- the clock}.
local entry, used, flight, counts = unpack(KEYS)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local micros = string.format('%.0f', clock[1] * 1000000 + clock[2])
local fields = redis.call('HMGET', entry, 'response', 'memories', 'tokens')
if fields[1] then
    redis.call('ZADD', used, 'XX', now, ARGV[1])
    redis.call('HINCRBY', counts, 'exact', 1)
    redis.call('HINCRBY', counts, 'saved_tokens', fields[3])
    return fields
end
if ARGV[4] == '1' then
    redis.call('HINCRBY', counts, 'miss', 1)
end
if ARGV[2] == '1' and redis.call('SET', flight, micros, 'NX', 'PX', ARGV[3]) then
    return {1, micros}
end
local left = redis.call('PTTL', flight)
-- Never 1 of another's: that is the caller's.
return {left < 0 and 0 or math.max(left, 2), micros}
