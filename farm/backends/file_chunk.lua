-- File the next chunk of a batch's jobs.
--
-- KEYS[1]  farm:chunks:{id}       list of chunks, each JSON: filings (as swap.lua has them),
--                                 jobs [[id, record, which filing from 1]], unfiled {key of a
--                                 counter: jobs}
-- KEYS[2]  farm:batches:unfiled   zset: batches with chunks to be filed
-- ARGV[1]  id of the batch
--
-- Returns 1 if there was one, else 0. A key gets all its jobs at once: 250 of them are 500
-- arguments, and Lua takes 8000.

local text = redis.call('LINDEX', KEYS[1], 0)
if not text then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 0
end
local chunk = cjson.decode(text)
local number = redis.call('INCRBY', 'farm:number', #chunk.jobs) - #chunk.jobs
for _, filing in ipairs(chunk.filings) do
  local filed = {}
  for key in pairs(filing.filed) do
    filed[#filed + 1] = key
  end
  filing.list, filing.counts = cjson.encode(filed), cjson.encode(filing.counted)
  filing.jobs = 0
  enter_lanes(filing.lanes)
end
local members = {}
for _, job in ipairs(chunk.jobs) do
  local id, filing = job[1], chunk.filings[job[3]]
  number = number + 1
  for key, score in pairs(filing.filed) do
    local list = members[key] or {}
    members[key] = list
    list[#list + 1] = score == cjson.null and number or score
    list[#list + 1] = id
  end
  redis.call('HSET', 'farm:job:' .. id, 'revision', 1, 'state', filing.state, 'record', job[2],
    'number', number, 'filed', filing.list, 'counted', filing.counts)
  filing.jobs = filing.jobs + 1
end
for key, list in pairs(members) do
  redis.call('ZADD', key, unpack(list))
end
for _, filing in ipairs(chunk.filings) do
  count_up(filing.tally, filing.jobs)
end
for key, jobs in pairs(chunk.unfiled) do
  if redis.call('DECRBY', key, jobs) <= 0 then
    redis.call('DEL', key)
  end
end
redis.call('LPOP', KEYS[1])
return 1
