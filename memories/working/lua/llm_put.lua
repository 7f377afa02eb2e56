-- Store an answer, whole, and make room for it: the least recently used go first.
-- KEYS: entry, used (by last use), ends, sizes, total, flight
-- ARGV: key, prefix of the tenant's keys, milliseconds to live, most entries, most bytes, size, number of sets,
--       the sets it belongs to (names after the prefix), then field, value, ...
-- Answers the keys that had to go.
local entry, used, ends, sizes, total, flight = unpack(KEYS)
local key, prefix, ttl, most_entries, most_bytes, size, sets = unpack(ARGV)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function strike_off(each)
    for set in string.gmatch(redis.call('HGET', prefix .. 'e:' .. each, 'sets') or '', '[^%z]+') do
        redis.call('SREM', prefix .. set, each)
    end
    redis.call('DECRBY', total, redis.call('HGET', sizes, each) or 0)
    redis.call('HDEL', sizes, each)
    redis.call('ZREM', used, each)
    redis.call('ZREM', ends, each)
    redis.call('DEL', prefix .. 'e:' .. each)
end

local gone = redis.call('ZRANGE', ends, '-inf', now, 'BYSCORE', 'LIMIT', 0, 100)
for _, each in ipairs(gone) do
    strike_off(each)
end
if redis.call('HEXISTS', sizes, key) == 1 then
    strike_off(key)
end
while redis.call('ZCARD', used) >= tonumber(most_entries)
    or (tonumber(redis.call('GET', total) or 0) + tonumber(size) > tonumber(most_bytes) and redis.call('ZCARD', used) > 0) do
    local least = redis.call('ZRANGE', used, 0, 0)[1]
    strike_off(least)
    table.insert(gone, least)
end

redis.call('HSET', entry, unpack(ARGV, 8 + sets))
redis.call('PEXPIRE', entry, ttl)
redis.call('ZADD', used, now, key)
redis.call('ZADD', ends, now + ttl, key)
redis.call('HSET', sizes, key, size)
redis.call('INCRBY', total, size)
for i = 8, 7 + sets do
    local set = prefix .. ARGV[i]
    redis.call('SADD', set, key)
    if redis.call('PTTL', set) < tonumber(ttl) then
        redis.call('PEXPIRE', set, ttl)
    end
end
redis.call('DEL', flight)
return gone
