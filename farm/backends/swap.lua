-- Store a job's next revision if nobody was faster, and file it anew.
--
-- A job is filed under keys of sorted sets: the index of its state, its lane, its labels.
-- Which ones, the caller says; the record remembers them, so that the next revision, or
-- the end of its retention, takes the job out of all of them again, and does not put it
-- where it is already: its number never changes. Of a batch it is counted under fields,
-- which are remembered likewise.
--
-- KEYS[1]  farm:job:{id}    hash: revision, state, record (JSON), number, filed (JSON),
--                           counted (JSON: id of the batch, its fields), tags: see tag.lua
-- KEYS[2]  farm:gone:{id}   string: filed, of an ended job; answers 410 after the record
-- ARGV[1]  id
-- ARGV[2]  the new revision
-- ARGV[3]  the new record
-- ARGV[4]  JSON: state, terminal, filed {key: score, name of a counter that gives it, or null
--          for the job's number},
--          lanes {key of a set: [member that must be in it, its score if it is new, or
--          null for the least]}, tally: see tally.lua,
--          started [key, member, score] of what is moved if it is there,
--          counted [batch, field, …] or null, ended: see counts.lua,
--          needs [keys that must be there, or 0 is returned], limits [[key, most members]],
--          ended_key (a counter, or null),
--          retention_s, remembered_s
-- ARGV[5]  channel that is told the id of a job that has changed, and "{batch} jobs"
--
-- Returns 1 if the record is stored now, else 0 and nothing was changed; -1, -2, … if
-- that limit would be exceeded.

local job, gone, id = KEYS[1], KEYS[2], ARGV[1]
local stored = redis.call('HMGET', job, 'revision', 'state', 'number', 'filed', 'counted', 'tags')
local revision = tonumber(stored[1] or '0')
if revision == tonumber(ARGV[2]) and redis.call('HGET', job, 'record') == ARGV[3] then
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
  -- Jobs of a batch that are not filed yet wait as well.
  local unfiled = redis.call('GET', 'farm:unfiled:' .. limit[1]) or 0
  if redis.call('ZCARD', limit[1]) + unfiled >= limit[2] then
    return -i
  end
end

if stored[6] then -- Set by hand; the record has those that it was submitted with.
  for key in pairs(new.filed) do
    if string.find(key, 'farm:label:tag:', 1, true) == 1 then
      new.filed[key] = nil
    end
  end
  for _, tag in ipairs(cjson.decode(stored[6])) do
    new.filed['farm:label:tag:' .. tag] = cjson.null
  end
end

local number = stored[3] or redis.call('INCR', 'farm:number')
local is_under = {}
for _, key in ipairs(cjson.decode(stored[4] or '[]')) do
  if new.filed[key] == nil then
    redis.call('ZREM', key, id)
  end
  is_under[key] = true
end
local filed = {}
for key, score in pairs(new.filed) do
  if type(score) == 'string' then
    score = redis.call('INCR', score)
  end
  if score ~= cjson.null or not is_under[key] then
    redis.call('ZADD', key, score == cjson.null and number or score, id)
  end
  filed[#filed + 1] = key
end
enter_lanes(new.lanes)
if new.started ~= cjson.null then
  redis.call('ZADD', new.started[1], 'XX', new.started[3], new.started[2])
end

count_up(new.tally, 1)
local list = cjson.encode(filed)
local fields = {'revision', ARGV[2], 'state', new.state, 'record', ARGV[3], 'number', number,
  'filed', list}
if new.counted ~= cjson.null then
  fields[#fields + 1] = 'counted'
  fields[#fields + 1] = cjson.encode(new.counted)
end
redis.call('HSET', job, unpack(fields))
if new.counted ~= cjson.null then
  local before = cjson.decode(stored[5] or '[]')
  local batch = table.remove(new.counted, 1)
  table.remove(before, 1)
  count_job(batch, before, new.counted, new.ended ~= cjson.null and new.ended or nil)
  redis.call('PUBLISH', ARGV[5], batch .. ' jobs')
end
if new.terminal then
  redis.call('EXPIRE', job, new.retention_s)
  redis.call('SET', gone, list, 'EX', new.remembered_s)
  if new.ended_key ~= cjson.null and redis.call('INCR', new.ended_key) == 1 then
    redis.call('EXPIRE', new.ended_key, 120)
  end
elseif stored[2] and stored[2] ~= 'queued' and stored[2] ~= 'running' then
  redis.call('PERSIST', job)
  redis.call('DEL', gone)
end
if revision > 0 then -- Nobody can wait for a job that is new.
  redis.call('PUBLISH', ARGV[5], id)
end
return 1
