-- Take what is due out of a sorted set of times, and have it due again later.
--
-- KEYS[1]  the set: job ids by when they are due
-- ARGV[1]  now
-- ARGV[2]  when they are due again, should nobody say otherwise
-- ARGV[3]  how many to take
--
-- Returns the ids, the longest-due first.

local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], ARGV[2], id)
end
return ids
