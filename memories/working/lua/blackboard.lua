-- One step of a blackboard's life, whole.
-- KEYS 5 to 9: the board (hash), public posts and private posts (streams), claims and handles (hashes). The board's
--       hash has the agents too ('agent:' name to digest, 'token:' digest to name): were they kept apart, a Redis
--       short of memory could drop them alone, and a newcomer take the name of who wrote what is private.
-- ARGV: what to do, member ('board' NUL name), digest of the token that was sent ('' for none), quota, most bytes of a
--       board, milliseconds to a second (a little short, so that boards do not expire together), then what each reads
-- What Redis takes beside the text, about: for a board its hashes and places in the indexes, for an agent its name and
-- digest a second time, for a post its place in the stream, for a lease that in its hash.
local BOARD, AGENT, POST, LEASE = 550, 140, 20, 50
local board = KEYS[5]
local what, member, digest, quota, most_bytes, second = unpack(ARGV, 1, 6)

local held = redis.call('HMGET', board, 'posts', 'bytes', 'ttl', 'fence', 'agents')
local posts, bytes, ttl, fence = tonumber(held[1] or 0), tonumber(held[2] or 0), tonumber(held[3]), held[4]
local agents = tonumber(held[5] or 0)
local left = redis.call('PTTL', board)
local is_there = ttl ~= nil
if not is_there then
    -- What is left of a board that was lost is nobody's.
    redis.call('DEL', unpack(KEYS, 6))
end
local areas = redis.call('EXISTS', KEYS[6], KEYS[7])
local taken = redis.call('HLEN', KEYS[8]) + redis.call('HLEN', KEYS[9])

local function size()
    return #member + BOARD + AGENT * agents + LEASE * taken + math.max(STREAM * areas, bytes + POST * posts)
end

local function live(milliseconds)
    left = math.max(left, math.floor(milliseconds))
    for at = 5, #KEYS do
        redis.call('PEXPIRE', KEYS[at], left)
    end
    enter(member, size(), left)
end

-- Makes room for so many bytes more, and for what has been counted up before, or says what stands in the way.
local function refusal(more)
    if bytes + more > tonumber(most_bytes) then
        return {'full'}
    end
    bytes = bytes + more
    if not has_room(member, size(), quota) then
        return {'quota'}
    end
end

if what == 'join' then
    -- agent, digest of a new token, ttl ('' for none), default ttl, most agents
    local agent, fresh, wish, default_ttl, most_agents = unpack(ARGV, 7, 11)
    local known = redis.call('HGET', board, 'agent:' .. agent)
    if known and known ~= digest then
        return {'taken'}
    end
    if not known then
        if agents >= tonumber(most_agents) then
            return {'crowded'}
        end
        agents = agents + 1
        local no = refusal(#agent + #fresh)
        if no then
            return no
        end
        redis.call('HSET', board, 'agent:' .. agent, fresh, 'token:' .. fresh, agent, 'agents', agents)
    end
    ttl = wish ~= '' and tonumber(wish) or ttl or tonumber(default_ttl)
    redis.call('HSET', board, 'posts', posts, 'bytes', bytes, 'ttl', ttl)
    live(ttl * second)
    return {known and 'known' or 'done'}
end

if not is_there then
    return {'missing'}
end

if what == 'end' then
    redis.call('DEL', unpack(KEYS, 5))
    leave(member)
    return {'done'}
end

local agent = redis.call('HGET', board, 'token:' .. digest)
if not agent then
    return {'stranger'}
end

if what == 'post' then
    -- place of the stream among the keys, JSON, ttl ('' for the board's), most posts
    local stream, json, wish, most_posts = KEYS[tonumber(ARGV[7])], ARGV[8], ARGV[9], ARGV[10]
    areas = areas + 1 - redis.call('EXISTS', stream)
    posts = posts + 1
    local no = posts > tonumber(most_posts) and {'full'} or refusal(#agent + #json)
    if no then
        return no
    end
    local id = redis.call('XADD', stream, '*', 'agent', agent, 'json', json)
    ttl = wish ~= '' and tonumber(wish) or ttl
    redis.call('HSET', board, 'posts', posts, 'bytes', bytes, 'ttl', ttl)
    live(ttl * second)
    return {'done', id, agent}
end

-- Leases: place of their hash among the keys, name; to take one also milliseconds, JSON, most leases.
local leases, name = KEYS[tonumber(ARGV[7])], ARGV[8]
local kept = redis.call('HGET', leases, name)
local lease = kept and cjson.decode(kept)
local is_held = lease and tonumber(lease.ends) > now
if is_held and lease.agent ~= agent then
    return {'held', lease.agent, tonumber(lease.ends) - now}
end

if what == 'release' then
    if not is_held then
        return {'absent'}
    end
    redis.call('HDEL', leases, name)
    taken, bytes = taken - 1, bytes - #name - #kept
    redis.call('HSET', board, 'bytes', bytes)
    live(left)
    return {'done'}
end

if what == 'take' then
    local milliseconds, json, most_leases = tonumber(ARGV[9]), ARGV[10], tonumber(ARGV[11])
    if not kept and redis.call('HLEN', leases) >= most_leases then
        -- Those whose time is over make room.
        local all = redis.call('HGETALL', leases)
        for at = 1, #all, 2 do
            if tonumber(cjson.decode(all[at + 1]).ends) <= now then
                redis.call('HDEL', leases, all[at])
                taken, bytes = taken - 1, bytes - #all[at] - #all[at + 1]
            end
        end
        redis.call('HSET', board, 'bytes', bytes)
        live(left)
        if redis.call('HLEN', leases) >= most_leases then
            return {'crowded'}
        end
    end
    local number = is_held and lease.fence or next_number(fence)
    -- Numbers as text: cjson would cut their digits.
    local written = cjson.encode({
        agent = agent, ends = string.format('%.0f', now + milliseconds), fence = number, json = json
    })
    taken = taken + (kept and 0 or 1)
    local no = refusal(#name + #written - (kept and #name + #kept or 0))
    if no then
        return no
    end
    redis.call('HSET', leases, name, written)
    redis.call('HSET', board, 'bytes', bytes)
    if not is_held then
        redis.call('HSET', board, 'fence', number)
    end
    live(milliseconds)
    return {'done', agent, number}
end
