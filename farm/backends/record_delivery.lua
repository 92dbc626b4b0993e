-- Keep how it stands with a job's webhook, if the job is still of that revision.
--
-- KEYS[1]  farm:job:{id}   hash of the job
-- KEYS[2]  farm:webhooks   zset: jobs by when their webhook is due
-- ARGV[1]  id
-- ARGV[2]  revision of the job
-- ARGV[3]  how it stands (JSON)
-- ARGV[4]  when it is due; empty: no more
--
-- Returns 1 if it is kept now, else 0 and nothing was changed.

if redis.call('HGET', KEYS[1], 'revision') ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'webhook', ARGV[3])
if ARGV[4] == '' then
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
end
return 1
