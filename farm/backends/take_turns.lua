-- Take jobs out of the lanes of one queue, in fair turns.
--
-- Stride scheduling: each turn goes to the lane that has gone the least way, and costs it
-- a stride, which is shorter the higher its priority. So shares are as the strides say,
-- and no lane ever stands still, but one whose batch is held, or whose hosts have all they
-- may have for now; such a lane goes along with the others and saves up no turns.
--
-- The lane of a batch is a set of hosts, by when one of their jobs was last given out or
-- started; the jobs of each host are a set of their own. What was given out and has not
-- ended is filed as busy, so that whoever dies with it leaves no host occupied.
--
-- KEYS[1]  farm:lanes:{queue}  zset: key of each lane with jobs -> how far it has gone
-- KEYS[2]  farm:fed:{queue}    zset: jobs that had their turn -> their number
-- KEYS[3]  farm:open           zset: open jobs -> when to look at them again
-- ARGV[1]  how many jobs to take
-- ARGV[2]  when to look at them again
-- ARGV[3]  JSON: stride by priority; a lane's key is farm:lane:{queue}:{priority}:{owner}:{batch}
-- ARGV[4]  now
-- ARGV[5]  score of what is busy and has not started
--
-- Returns the ids.

local strides, now, never = cjson.decode(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local function is_free(busy, pace)
  if pace.limit and redis.call('ZCARD', busy) >= pace.limit then
    return false
  end
  if pace.delay > 0 then
    local last = redis.call('ZREVRANGE', busy, 0, 0, 'WITHSCORES')
    return last[2] == nil or tonumber(last[2]) < never
  end
  return true
end

-- Returns a job, its number, and where it is busy; nothing if there is none for now.
local function take_of_batch(lane)
  local pace = lane.pace
  if pace.is_held then
    return
  end
  local passed = 0
  while true do
    local host = redis.call('ZRANGEBYSCORE', lane.key, '-inf', now - pace.delay, 'LIMIT',
      passed, 1)[1]
    if not host then
      return
    end
    local jobs, busy = lane.key .. ':' .. host, 'farm:busy:' .. lane.batch .. ':' .. host
    if redis.call('EXISTS', jobs) == 0 then
      redis.call('ZREM', lane.key, host)
    elseif host == '' or is_free(busy, pace) then
      local job = redis.call('ZPOPMIN', jobs)
      if redis.call('EXISTS', jobs) == 0 then
        redis.call('ZREM', lane.key, host)
      elseif host ~= '' or pace.delay == 0 then
        redis.call('ZADD', lane.key, now, host)
      end
      return job[1], job[2], host ~= '' and busy or nil
    else
      passed = passed + 1
    end
  end
end

local function take(lane)
  if lane.batch ~= '' then
    return take_of_batch(lane)
  end
  return unpack(redis.call('ZPOPMIN', lane.key))
end

local function give_out(id, number, busy)
  local job = 'farm:job:' .. id
  local filed = cjson.decode(redis.call('HGET', job, 'filed'))
  filed[#filed + 1] = KEYS[2]
  redis.call('ZADD', KEYS[2], number, id)
  redis.call('ZADD', KEYS[3], ARGV[2], id)
  if busy then
    filed[#filed + 1] = busy
    redis.call('ZADD', busy, never, id)
  end
  redis.call('HSET', job, 'filed', cjson.encode(filed))
end

local lanes = {}
local found = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #found, 2 do
  local lane = {key = found[i], gone = tonumber(found[i + 1])}
  local priority, batch = string.match(lane.key, '^farm:lane:[^:]+:([^:]+):[^:]*:(.*)$')
  lane.stride, lane.batch = strides[priority], batch
  if batch ~= '' then
    local told = redis.call('HMGET', 'farm:batch:' .. batch, 'state', 'per_host_concurrency',
      'per_host_delay')
    lane.pace = {
      is_held = told[1] == 'paused' or redis.call('ZSCORE', 'farm:batches:cancelling', batch),
      limit = tonumber(told[2] or nil),
      delay = tonumber(told[3] or '0'),
    }
  end
  lanes[#lanes + 1] = lane
end

local function first()
  local best
  for _, lane in ipairs(lanes) do
    local is_less = best and (lane.gone < best.gone or lane.gone == best.gone and lane.key < best.key)
    if not lane.is_out and (not best or is_less) then
      best = lane
    end
  end
  return best
end

local taken = {}
while #taken < tonumber(ARGV[1]) do
  local lane = first()
  if not lane then
    break
  end
  local id, number, busy = take(lane)
  if id then
    taken[#taken + 1] = id
    give_out(id, number, busy)
    lane.gone = lane.gone + lane.stride
    redis.call('ZADD', KEYS[1], lane.gone, lane.key)
  else
    lane.is_out = true
  end
  if redis.call('EXISTS', lane.key) == 0 then
    redis.call('ZREM', KEYS[1], lane.key)
    lane.is_out, lane.is_gone = true, true
  end
end

local front = first()
for _, lane in ipairs(front and lanes or {}) do
  if lane.is_out and not lane.is_gone and lane.gone < front.gone then
    redis.call('ZADD', KEYS[1], front.gone, lane.key)
  end
end
return taken
