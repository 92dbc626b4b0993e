-- Make a draft a batch, all of it or nothing.
--
-- KEYS[1]  farm:batch:{id}         hash, see counts.lua
-- KEYS[2]  farm:draft:{draft id}   list of chunks
-- KEYS[3]  farm:chunks:{id}        list of chunks that are to be filed
-- KEYS[4]  farm:batches:unfiled    zset: batches with chunks to be filed
-- ARGV[1]  id
-- ARGV[2]  the draft's id
-- ARGV[3]  how many chunks it must have
-- ARGV[4]  JSON: fields of the batch, as a list of names and values
-- ARGV[5]  JSON: limits [[key, jobs of the batch, most members]], and under which sets of
--          batches (lists) it is to be found
--
-- Returns 1 if it is a batch now, 0 if its id is in use; -1, -2, … if that limit would be
-- exceeded; -100 if the draft is not whole.

local stored = redis.call('HGET', KEYS[1], 'draft_id')
if stored then
  return stored == ARGV[2] and 1 or 0
end
if redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[3]) then
  return -100
end
local told = cjson.decode(ARGV[5])
local function unfiled(limit)
  return 'farm:unfiled:' .. limit[1]
end
for i, limit in ipairs(told.limits) do
  local waiting = redis.call('ZCARD', limit[1]) + (redis.call('GET', unfiled(limit)) or 0)
  if limit[3] ~= cjson.null and waiting + limit[2] > limit[3] then
    return -i
  end
end
for _, limit in ipairs(told.limits) do
  redis.call('INCRBY', unfiled(limit), limit[2])
end
local number = redis.call('INCR', 'farm:batch-number')
redis.call('HSET', KEYS[1], 'draft_id', ARGV[2], 'number', number, unpack(cjson.decode(ARGV[4])))
for _, list in ipairs(told.lists) do
  redis.call('ZADD', list, number, ARGV[1])
end
redis.call('RENAME', KEYS[2], KEYS[3])
redis.call('PERSIST', KEYS[3])
redis.call('ZADD', KEYS[4], number, ARGV[1])
return 1
