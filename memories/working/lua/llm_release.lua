-- Give back the lease to compute an answer, unless it is another's by now. KEYS: flight
-- ARGV: when it was taken, in microseconds of the clock
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
