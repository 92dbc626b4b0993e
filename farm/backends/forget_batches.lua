-- Drop batches that are no longer kept.
--
-- KEYS[1]  farm:batches:over  zset: finished batches by when they are no longer kept
-- ARGV[1]  now
-- ARGV[…]  ids; one that is not over (any more) stays

for i = 2, #ARGV do
  local id, key = ARGV[i], 'farm:batch:' .. ARGV[i]
  local over = redis.call('ZSCORE', KEYS[1], id)
  if over and tonumber(over) <= tonumber(ARGV[1]) then
    local owner = redis.call('HGET', key, 'owner') or ''
    for _, list in ipairs({'farm:batches', 'farm:batches:of:' .. owner, 'farm:batches:cancelling',
      'farm:batches:retrying', KEYS[1]}) do
      redis.call('ZREM', list, id)
    end
    redis.call('ZREM', 'farm:batches:webhooks', id .. ' finished', id .. ' paused')
    redis.call('DEL', key)
  end
end
