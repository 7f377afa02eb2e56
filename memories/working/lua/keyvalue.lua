-- One write to working memory, whole: the entry and what account.lua keeps of it.
-- KEYS 5: entry
-- ARGV: what to do, member (scope NUL key), milliseconds to live ('' keeps what it has, or takes the default),
--       default milliseconds, version it must have ('' any, 0 none), most bytes of an entry, most bytes of the tenant,
--       payload (JSON)
-- What Redis takes for an entry beside its text, about: its keys, hash and places in the indexes.
local OVERHEAD = 350
local entry = KEYS[5]
local what, member, ttl, default_ttl, expected, most, quota, payload = unpack(ARGV)

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
    leave(member)
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
local size = OVERHEAD + #member + #json
if not has_room(member, size, quota) then
    return {'full'}
end

local next_version = next_number(version)
redis.call('HSET', entry, 'json', json, 'version', next_version)
local left = redis.call('PTTL', entry)
if ttl ~= '' then
    left = tonumber(ttl)
elseif left < 0 then
    left = tonumber(default_ttl)
end
redis.call('PEXPIRE', entry, left)
enter(member, size, left)
return {'done', next_version, left, json}
