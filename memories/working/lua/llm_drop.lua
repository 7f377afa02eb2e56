-- Drop answers. KEYS: used, ends, sizes, total, then an entry for each key. ARGV: the keys. Answers how many were there.
local used, ends, sizes, total = unpack(KEYS)
local dropped = 0
for i, each in ipairs(ARGV) do
    dropped = dropped + redis.call('DEL', KEYS[4 + i])
    redis.call('DECRBY', total, redis.call('HGET', sizes, each) or 0)
    redis.call('HDEL', sizes, each)
    redis.call('ZREM', used, each)
    redis.call('ZREM', ends, each)
end
return dropped
