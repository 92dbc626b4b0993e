-- Store a batch's next revision if nobody was faster.
--
-- KEYS[1]  farm:batch:{id}          hash, see counts.lua
-- KEYS[2]  farm:batches:cancelling  zset: cancelled batches with open jobs
-- KEYS[3]  farm:batches:retrying    zset: batches whose failed jobs are queued again
-- ARGV[1]  id
-- ARGV[2]  the new revision
-- ARGV[3]  the new record
-- ARGV[4]  the new state
-- ARGV[5]  failures at which it pauses by itself; empty: at no number
-- ARGV[6]  '1': its failed jobs are being queued again
--
-- Returns 1 if it is stored now, else 0 and nothing was changed.

local stored = redis.call('HMGET', KEYS[1], 'revision', 'record', 'number')
if stored[1] == ARGV[2] and stored[2] == ARGV[3] then
  return 1
end
if tonumber(stored[1] or '-1') ~= tonumber(ARGV[2]) - 1 then
  return 0
end
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'record', ARGV[3], 'state', ARGV[4],
  'pause_at', ARGV[5])
local function mark(key, is_in)
  if is_in then
    redis.call('ZADD', key, stored[3], ARGV[1])
  else
    redis.call('ZREM', key, ARGV[1])
  end
end
mark(KEYS[2], ARGV[4] == 'cancelled')
mark(KEYS[3], ARGV[6] == '1')
if ARGV[4] == 'running' then
  take_back_news(KEYS[1], ARGV[1], 'paused')
end
return 1
