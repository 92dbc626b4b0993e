-- Take jobs out of all they are filed under, with or without their records.
--
-- KEYS     for each job: farm:job:{id}, farm:gone:{id}
-- ARGV[1]  '1': drop record and memory of the id as well, and count it no more
-- ARGV[…]  the ids

for i = 2, #ARGV do
  local job, gone = KEYS[2 * i - 3], KEYS[2 * i - 2]
  local filed = redis.call('HGET', job, 'filed') or redis.call('GET', gone)
  for _, key in ipairs(cjson.decode(filed or '[]')) do
    redis.call('ZREM', key, ARGV[i])
  end
  if ARGV[1] == '1' then
    local counted = redis.call('HGET', job, 'counted')
    if counted then
      counted = cjson.decode(counted)
      count_job(table.remove(counted, 1), counted, {}, nil)
    end
    redis.call('DEL', job, gone)
  end
end
