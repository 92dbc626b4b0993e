-- List a job under other tags.
--
-- They stand beside the record, so that its revision stays as it is and whoever moves the
-- job meanwhile moves it still; swap.lua files it under these from then on.
--
-- KEYS[1]  farm:job:{id}    hash, see swap.lua
-- KEYS[2]  farm:gone:{id}   string: filed, of an ended job
-- ARGV[1]  id
-- ARGV[2]  the tags (JSON)
-- ARGV[3]  what the keys of lists by tag begin with

local stored = redis.call('HMGET', KEYS[1], 'number', 'filed')
if not stored[1] then
  return
end
local filed = {}
for _, key in ipairs(cjson.decode(stored[2])) do
  if string.find(key, ARGV[3], 1, true) == 1 then
    redis.call('ZREM', key, ARGV[1])
  else
    filed[#filed + 1] = key
  end
end
for _, tag in ipairs(cjson.decode(ARGV[2])) do
  redis.call('ZADD', ARGV[3] .. tag, stored[1], ARGV[1])
  filed[#filed + 1] = ARGV[3] .. tag
end
local list = cjson.encode(filed)
redis.call('HSET', KEYS[1], 'tags', ARGV[2], 'filed', list)
redis.call('SET', KEYS[2], list, 'XX', 'KEEPTTL')
