-- Put before scripts that write what counts: the tenant's index of names and of ends, and its account of bytes.
-- A member is a scope or a kind, NUL, and a name; what it stands for expires at its end by itself.
-- KEYS 1 to 4: names, ends, sizes, total; a script's own follow
local names, ends, sizes, total = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- What Redis takes for a stream at least: its entries fill a block of 4 KB before it takes another.
local STREAM = 4400

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

local function size_of(member)
    return tonumber(redis.call('HGET', sizes, member) or 0)
end

-- What does not grow fits whatever else there is.
local function is_over(member, size, quota)
    local more = size - size_of(member)
    return more > 0 and tonumber(redis.call('GET', total) or 0) + more > tonumber(quota)
end

-- Whether a member may have this many bytes.
local function has_room(member, size, quota)
    if not is_over(member, size, quota) then
        return true
    end
    while strike_off(1000) > 0 do end
    return not is_over(member, size, quota)
end

local function enter(member, size, left)
    redis.call('INCRBY', total, size - size_of(member))
    redis.call('HSET', sizes, member, size)
    redis.call('ZADD', names, 0, member)
    redis.call('ZADD', ends, now + left, member)
end

local function leave(member)
    redis.call('ZADD', ends, 0, member)
    strike_off(1)
end

-- Microseconds of the clock: a number that was once in use does not come again, even after Redis was lost.
local function next_number(last)
    return string.format('%.0f', math.max(clock[1] * 1000000 + clock[2], (tonumber(last) or 0) + 1))
end

strike_off(20)
