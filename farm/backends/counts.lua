-- Keep the counts of a batch in step with its jobs. Put before scripts that move jobs,
-- behind news.lua.
--
-- farm:batch:{id}  hash: record (JSON), revision, state, number, how many jobs are in each
--                  state and have failed with each code (code:{code}), how many ended lately
--                  (ended:{0..6}, each "bucket:count" of ten seconds), finished_at,
--                  kept_until, and what other scripts go by: per_host_concurrency,
--                  per_host_delay (seconds), pause_at, webhook ('1': who is to be told)
-- farm:batches:over      zset: finished batches by when they are no longer kept

-- A job of the batch goes from the fields `before` to the fields `after` (lists).
-- `ended`: nil, or when it ended (at), until when it is kept (kept_until), the number of
-- the ten seconds of its end (bucket), the channel of ends (channel).
local function count_job(id, before, after, ended)
  local key = 'farm:batch:' .. id
  if redis.call('EXISTS', key) == 0 then
    return
  end
  for _, field in ipairs(before) do
    redis.call('HINCRBY', key, field, -1)
  end
  for _, field in ipairs(after) do
    redis.call('HINCRBY', key, field, 1)
  end
  local found = redis.call('HMGET', key, 'queued', 'running', 'failed', 'finished_at',
    'kept_until', 'pause_at', 'state')
  local open = tonumber(found[1]) + tonumber(found[2])
  if ended then
    if tonumber(found[5] or '0') < ended.kept_until then
      found[5] = tostring(ended.kept_until)
      redis.call('HSET', key, 'kept_until', ended.kept_until)
    end
    local slot = 'ended:' .. ended.bucket % 7
    local bucket, count = string.match(redis.call('HGET', key, slot) or '', '^(%d+):(%d+)$')
    count = tonumber(bucket) == ended.bucket and count + 1 or 1
    redis.call('HSET', key, slot, string.format('%d:%d', ended.bucket, count))
    local is_full = found[6] and found[6] ~= '' and tonumber(found[3]) >= tonumber(found[6])
    if is_full and found[7] == 'running' and open > 0 then
      redis.call('HSET', key, 'state', 'paused')
      redis.call('HINCRBY', key, 'revision', 1)
      tell_of_batch(key, id, 'paused', ended.at)
    end
  end
  if open > 0 and found[4] then
    redis.call('HDEL', key, 'finished_at')
    redis.call('ZREM', 'farm:batches:over', id)
    take_back_news(key, id, 'finished')
  elseif open == 0 and ended and not found[4] then
    redis.call('HSET', key, 'finished_at', ended.at)
    redis.call('ZADD', 'farm:batches:over', found[5], id)
    tell_of_batch(key, id, 'finished', ended.at)
    redis.call('PUBLISH', ended.channel, id)
  end
end

