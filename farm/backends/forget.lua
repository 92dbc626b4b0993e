-- Take jobs out of all they are filed under, with or without their records.
--
-- KEYS     for each job: farm:job:{id}, farm:gone:{id}
-- ARGV[1]  '1': drop record and memory of the id as well, and count it no more
-- ARGV[…]  the ids

local members = {}
for i = 2, #ARGV do
  local job, gone = KEYS[2 * i - 3], KEYS[2 * i - 2]
  local stored = redis.call('HMGET', job, 'filed', 'counted')
  for _, key in ipairs(cjson.decode(stored[1] or redis.call('GET', gone) or '[]')) do
    members[key] = members[key] or {}
    table.insert(members[key], ARGV[i])
  end
  if ARGV[1] == '1' then
    if stored[2] then
      local counted = cjson.decode(stored[2])
      count_job(table.remove(counted, 1), counted, {}, nil)
    end
    redis.call('DEL', job, gone)
  elseif stored[1] then
    redis.call('HDEL', job, 'filed') -- Should it be filed anew, then under all its keys.
  end
end
for key, ids in pairs(members) do
  redis.call('ZREM', key, unpack(ids))
end
