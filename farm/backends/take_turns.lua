-- Take jobs out of the lanes of one queue, in fair turns.
--
-- Stride scheduling: each turn goes to the lane that has gone the least way, and costs it
-- a stride, which is shorter the higher its priority. So shares are as the strides say,
-- and no lane ever stands still.
--
-- KEYS[1]  farm:lanes:{queue}  zset: key of each lane with jobs -> how far it has gone
-- KEYS[2]  farm:fed:{queue}    zset: jobs that had their turn -> their number
-- KEYS[3]  farm:open           zset: open jobs -> when to look at them again
-- ARGV[1]  how many jobs to take
-- ARGV[2]  when to look at them again
-- ARGV[3]  JSON: stride by priority; a lane's key is farm:lane:{queue}:{priority}:…
--
-- Returns the ids.

local strides = cjson.decode(ARGV[3])
local taken = {}
while #taken < tonumber(ARGV[1]) do
  local lane = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
  if not lane then
    break
  end
  local id, number = unpack(redis.call('ZPOPMIN', lane))
  if id then
    taken[#taken + 1] = id
    local job = 'farm:job:' .. id
    local filed = cjson.decode(redis.call('HGET', job, 'filed'))
    filed[#filed + 1] = KEYS[2]
    redis.call('HSET', job, 'filed', cjson.encode(filed))
    redis.call('ZADD', KEYS[2], number, id)
    redis.call('ZADD', KEYS[3], ARGV[2], id)
    redis.call('ZINCRBY', KEYS[1], strides[string.match(lane, '^farm:lane:[^:]+:([^:]+)')], lane)
  end
  if redis.call('EXISTS', lane) == 0 then
    redis.call('ZREM', KEYS[1], lane)
  end
end
return taken
