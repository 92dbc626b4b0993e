-- Have the receiver of a batch's webhook told. Put before scripts that make news.
--
-- farm:batch:{id}        hash: webhook ('1': there is a receiver), news:{event} (how often
--                        that has happened, or was taken back), at:{event} (when; not
--                        there once it was taken back)
-- farm:batches:webhooks  zset: "{id} {event}" by when the receiver is to be told

local function tell_of_batch(key, id, event, at)
  if redis.call('HGET', key, 'webhook') == '1' then
    redis.call('HINCRBY', key, 'news:' .. event, 1)
    redis.call('HSET', key, 'at:' .. event, at)
    redis.call('ZADD', 'farm:batches:webhooks', at, id .. ' ' .. event)
  end
end

local function take_back_news(key, id, event)
  redis.call('HINCRBY', key, 'news:' .. event, 1)
  redis.call('HDEL', key, 'at:' .. event)
  redis.call('ZREM', 'farm:batches:webhooks', id .. ' ' .. event)
end

