-- One write to working memory, whole: the entry, the tenant's index of names and of ends, its account of bytes.
-- KEYS: entry, names, ends, sizes, total
-- ARGV: what to do, member (scope NUL key), milliseconds to live ('' keeps what it has, or takes the default),
--       default milliseconds, version it must have ('' any, 0 none), most bytes of an entry, most bytes of the tenant,
--       payload (JSON)
local entry, names, ends, sizes, total = unpack(KEYS)
local what, member, ttl, default_ttl, expected, most, quota, payload = unpack(ARGV)
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- What has expired is struck off: a little at each write, all of it before a quota refuses anything.
local function strike_off(limit)
    local gone = redis.call('ZRANGE', ends, '-inf', now, 'BYSCORE', 'LIMIT', 0, limit)
    for _, each in ipairs(gone) do
        redis.call('DECRBY', total, redis.call('HGET', sizes, each) or 0)
        redis.call('HDEL', sizes, each)
        redis.call('ZREM', names, each)
        redis.call('ZREM', ends, each)
    end
    return #gone
end

strike_off(20)
local held = redis.call('HMGET', entry, 'json', 'version')
local json, version = held[1], held[2]
if expected ~= '' and expected ~= (version or '0') then
    return {'changed', version or '0'}
end

if what == 'delete' then
    if not json then
        return {'missing'}
    end
    redis.call('DEL', entry)
    redis.call('ZADD', ends, 0, member)
    strike_off(1)
    return {'done'}
end

if what == 'put' then
    json = payload
elseif what == 'append' then
    json = json or '[]'
    if string.sub(json, 1, 1) ~= '[' then
        return {'kind'}
    end
    json = json == '[]' and '[' .. payload .. ']' or string.sub(json, 1, -2) .. ',' .. payload .. ']'
elseif what == 'increment' then
    json = json or '0'
    if not string.match(json, '^-?%d') then
        return {'kind'}
    end
    -- Redis adds whole numbers of 64 bits exactly, where Lua's would lose digits.
    local is_whole = string.match(json, '^-?%d+$') and string.match(payload, '^-?%d+$')
    redis.call('HSET', entry, 'sum', json)
    local sum = redis.pcall(is_whole and 'HINCRBY' or 'HINCRBYFLOAT', entry, 'sum', payload)
    json = redis.call('HGET', entry, 'sum')
    redis.call('HDEL', entry, 'sum')
    if type(sum) == 'table' and sum.err then
        return {'range'}
    end
end

if #json > tonumber(most) then
    return {'large', #json}
end
local before = tonumber(redis.call('HGET', sizes, member) or 0)
local size = #member + #json
local function is_over()
    return tonumber(redis.call('GET', total) or 0) - before + size > tonumber(quota)
end
if is_over() then
    while strike_off(1000) > 0 do end
    before = tonumber(redis.call('HGET', sizes, member) or 0)
    if is_over() then
        return {'full'}
    end
end

-- Versions are microseconds of the clock: one that was once in use does not come again, even after Redis was lost.
local next_version = math.max(clock[1] * 1000000 + clock[2], (tonumber(version) or 0) + 1)
next_version = string.format('%.0f', next_version)
redis.call('HSET', entry, 'json', json, 'version', next_version)
local left = redis.call('PTTL', entry)
if ttl ~= '' then
    left = tonumber(ttl)
elseif left < 0 then
    left = tonumber(default_ttl)
end
redis.call('PEXPIRE', entry, left)
redis.call('ZADD', names, 0, member)
redis.call('ZADD', ends, now + left, member)
redis.call('HSET', sizes, member, size)
redis.call('INCRBY', total, size - before)
return {'done', next_version, left, json}
