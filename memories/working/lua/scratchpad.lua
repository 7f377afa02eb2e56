-- One step of a scratchpad's life, whole.
-- KEYS 5 to 8: the pad (hash), its entries (stream), what became of them (hash), the tenant's pads to be promoted
--       (sorted set by their end)
-- ARGV: what to do, member ('pad' NUL session), session, then what each step reads
-- What Redis takes beside the text, about: for a pad its hashes and places in the indexes, for an entry its place in the
-- stream and among what became of them.
local PAD, ENTRY = 450, 50
local pad, log, kept, due = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local what, member, session = ARGV[1], ARGV[2], ARGV[3]

local held = redis.call('HMGET', pad, 'promote', 'entries', 'bytes', 'ended')
local promote, entries, bytes, ended = held[1], tonumber(held[2] or 0), tonumber(held[3] or 0), held[4]
local left = redis.call('PTTL', pad)

local function size()
    return #member + PAD + math.max(STREAM, bytes + ENTRY * entries)
end

local function live(milliseconds)
    left = milliseconds
    for _, key in ipairs({pad, log, kept}) do
        redis.call('PEXPIRE', key, left)
    end
    enter(member, size(), left)
end

local function must_be_promoted()
    redis.call('ZADD', due, now + left, session)
end

if what == 'append' then
    -- ttl ('' for none), default ttl, margin, most entries, most bytes, quota, promote ('' for not said), JSON, ids used...
    local ttl, default_ttl, margin, most_entries, most_bytes, quota, wish, json = unpack(ARGV, 4, 11)
    if promote and wish ~= '' and wish ~= promote then
        return {'otherwise', promote}
    end
    for at = 12, #ARGV do
        if #redis.call('XRANGE', log, ARGV[at], ARGV[at]) == 0 then
            return {'unknown', ARGV[at]}
        end
    end
    if entries + 1 > tonumber(most_entries) or bytes + #json > tonumber(most_bytes) then
        return {'full'}
    end
    entries, bytes = entries + 1, bytes + #json
    if not has_room(member, size(), quota) then
        return {'quota'}
    end
    promote = promote or (wish ~= '' and wish or '1')
    local id = redis.call('XADD', log, '*', 'json', json)
    redis.call('HSET', pad, 'promote', promote, 'entries', entries, 'bytes', bytes, 'last', id)
    redis.call('HDEL', pad, 'ended')
    if ended or left < 0 then
        left = tonumber(ttl ~= '' and ttl or default_ttl)
    elseif ttl ~= '' then
        left = math.max(left, tonumber(ttl))
    end
    if promote == '1' then
        -- So long that a worker comes by before the end.
        left = math.max(left, tonumber(margin))
        must_be_promoted()
    end
    live(left)
    return {'done', id}
end

if not promote then
    redis.call('ZREM', due, session)
    return {'missing'}
end

if what == 'mark' then
    -- entry, memory, entry, memory...
    redis.call('HSET', kept, unpack(ARGV, 4))
    redis.call('PEXPIRE', kept, left)
    return {'done'}
end

if what == 'claim' then
    -- margin, lease: the pad lives on until whoever holds it must be done, and then for another to do it
    local margin, lease = tonumber(ARGV[4]), tonumber(ARGV[5])
    local at = tonumber(redis.call('ZSCORE', due, session))
    if not at or at > now + margin then
        return {'taken'}
    end
    local was = left
    live(math.max(left, margin + lease))
    must_be_promoted()
    return {'done', was}
end

if what == 'let_go' then
    -- milliseconds it may still live, the last entry that was looked at ('' for none), whether the session is over
    if ARGV[6] == '1' then
        redis.call('HSET', pad, 'ended', '1')
    elseif ARGV[5] ~= redis.call('HGET', pad, 'last') then
        return {'changed'}
    end
    live(math.min(left, tonumber(ARGV[4])))
    if promote == '0' or ARGV[5] == redis.call('HGET', pad, 'last') then
        redis.call('ZREM', due, session)
    else
        must_be_promoted()
    end
    return {'done'}
end

if what == 'delete' then
    redis.call('DEL', pad, log, kept)
    redis.call('ZREM', due, session)
    leave(member)
    return {'done'}
end
