-- Store a job's next revision if nobody was faster, and keep the indexes in step.
--
-- KEYS[1]  farm:job:{id}    hash: revision, record (JSON)
-- KEYS[2]  farm:gone:{id}   string: the id was known; answers 410 after the record
-- KEYS[3]  farm:open        zset: id of each open job -> when to look at it again (s)
-- ARGV[1]  id
-- ARGV[2]  the new revision
-- ARGV[3]  the new record
-- ARGV[4]  when to look at it again, or '' if the job is terminal
-- ARGV[5]  seconds for which a terminal record is kept
-- ARGV[6]  seconds for which its id is remembered
-- ARGV[7]  channel that is told the id
--
-- Returns 1 if the record is stored now, else 0 and nothing was changed.

local stored = redis.call('HMGET', KEYS[1], 'revision', 'record')
local revision = stored[1] or '0'
if revision == ARGV[2] and stored[2] == ARGV[3] then
  return 1 -- The same call again, after its reply was lost.
end
if tonumber(revision) ~= tonumber(ARGV[2]) - 1 then
  return 0
end

redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'record', ARGV[3])
if ARGV[4] == '' then
  redis.call('ZREM', KEYS[3], ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[5])
  redis.call('SET', KEYS[2], '', 'EX', ARGV[6])
else
  redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
  redis.call('PERSIST', KEYS[1])
end
redis.call('PUBLISH', ARGV[7], ARGV[1])
return 1
