-- Store a job's next revision if nobody was faster, and file it anew.
--
-- A job is filed under keys of sorted sets: the index of its state, its lane, its labels.
-- Which ones, the caller says; the record remembers them, so that the next revision, or
-- the end of its retention, takes the job out of all of them again.
--
-- KEYS[1]  farm:job:{id}    hash: revision, state, record (JSON), number, filed (JSON)
-- KEYS[2]  farm:gone:{id}   string: filed, of an ended job; answers 410 after the record
-- ARGV[1]  id
-- ARGV[2]  the new revision
-- ARGV[3]  the new record
-- ARGV[4]  JSON: state, terminal, filed {key: score, or null for the job's number},
--          lanes {key of a set of lanes: lane that must be in it},
--          needs [keys that must be there, or 0 is returned], limits [[key, most members]],
--          ended (key of a counter, or null),
--          retention_s, remembered_s
-- ARGV[5]  channel that is told the id of a job that has ended
--
-- Returns 1 if the record is stored now, else 0 and nothing was changed; -1, -2, … if
-- that limit would be exceeded.

local job, gone, id = KEYS[1], KEYS[2], ARGV[1]
local stored = redis.call('HMGET', job, 'revision', 'record', 'number', 'filed')
local revision = tonumber(stored[1] or '0')
if revision == tonumber(ARGV[2]) and stored[2] == ARGV[3] then
  return 1 -- The same call again, after its reply was lost.
end
if revision ~= tonumber(ARGV[2]) - 1 then
  return 0
end

local new = cjson.decode(ARGV[4])
for _, key in ipairs(new.needs) do
  if redis.call('EXISTS', key) == 0 then
    return 0
  end
end
for i, limit in ipairs(new.limits) do
  if redis.call('ZCARD', limit[1]) >= limit[2] then
    return -i
  end
end

local number = stored[3] or redis.call('INCR', 'farm:number')
for _, key in ipairs(cjson.decode(stored[4] or '[]')) do
  if new.filed[key] == nil then
    redis.call('ZREM', key, id)
  end
end
local filed = {}
for key, score in pairs(new.filed) do
  redis.call('ZADD', key, score == cjson.null and number or score, id)
  filed[#filed + 1] = key
end
for lanes, lane in pairs(new.lanes) do
  if not redis.call('ZSCORE', lanes, lane) then
    -- A new lane begins where the others are: it has no turns to make up for.
    local first = redis.call('ZRANGE', lanes, 0, 0, 'WITHSCORES')
    redis.call('ZADD', lanes, first[2] or 0, lane)
  end
end

local list = cjson.encode(filed)
redis.call('HSET', job, 'revision', ARGV[2], 'state', new.state, 'record', ARGV[3],
  'number', number, 'filed', list)
if new.terminal then
  redis.call('EXPIRE', job, new.retention_s)
  redis.call('SET', gone, list, 'EX', new.remembered_s)
  if new.ended ~= cjson.null then
    redis.call('INCR', new.ended)
    redis.call('EXPIRE', new.ended, 120)
  end
  redis.call('PUBLISH', ARGV[5], id)
else
  redis.call('PERSIST', job)
  redis.call('DEL', gone)
end
return 1
