-- Keep how it stands with a webhook, if what it is about is still of that revision.
--
-- KEYS[1]  farm:job:{id}, or farm:batch:{id}               hash of what it is about
-- KEYS[2]  farm:webhooks, or farm:batches:webhooks   zset: webhooks by when they are due
-- KEYS[3]  farm:webhooks:failed:{owner}, or farm:batches:webhooks:failed:{owner}
--                                                    zset: those given up, by when
-- ARGV[1]  member of those sets
-- ARGV[2]  the revision
-- ARGV[3]  how it stands (JSON)
-- ARGV[4]  when it is due; empty: no more
-- ARGV[5]  field of the revision
-- ARGV[6]  field of how it stands
-- ARGV[7]  what the attempt adds to the counts (JSON), see tally.lua
-- ARGV[8]  when it was given up; empty: it was not
-- ARGV[9]  how long any of those is of interest, in seconds
--
-- Returns 1 if it is kept now, else 0 and nothing was changed.

if redis.call('HGET', KEYS[1], ARGV[5]) ~= ARGV[2] then
  return 0
end
if redis.call('HGET', KEYS[1], ARGV[6]) == ARGV[3] then
  return 1 -- The same call again, after its reply was lost.
end
count_up(cjson.decode(ARGV[7]), 1)
redis.call('HSET', KEYS[1], ARGV[6], ARGV[3])
if ARGV[4] == '' then
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
end
if ARGV[8] == '' then
  redis.call('ZREM', KEYS[3], ARGV[1])
else
  redis.call('ZADD', KEYS[3], ARGV[8], ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', ARGV[8] - ARGV[9])
  redis.call('EXPIRE', KEYS[3], ARGV[9])
end
return 1
