-- Drop answers. KEYS: used, ends, sizes, total, then an entry for each key. ARGV: prefix of the tenant's keys, the keys.
-- Answers how many were there.
local used, ends, sizes, total = unpack(KEYS)
local dropped = 0
local prefix = table.remove(ARGV, 1)
for i, each in ipairs(ARGV) do
    for set in string.gmatch(redis.call('HGET', KEYS[4 + i], 'sets') or '', '[^%z]+') do
        redis.call('SREM', prefix .. set, each)
    end
    dropped = dropped + redis.call('DEL', KEYS[4 + i])
    redis.call('DECRBY', total, redis.call('HGET', sizes, each) or 0)
    redis.call('HDEL', sizes, each)
    redis.call('ZREM', used, each)
    redis.call('ZREM', ends, each)
end
return dropped
