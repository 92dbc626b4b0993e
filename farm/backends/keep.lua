-- Keep all the keys of an artifact for at least so long, if they are all there.
--
-- KEYS     the manifest and the chunks
-- ARGV[1]  milliseconds
--
-- Returns 1 if they are there, else 0 and nothing was changed.

for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 0 then
    return 0
  end
end
for _, key in ipairs(KEYS) do
  if redis.call('PTTL', key) < tonumber(ARGV[1]) then
    redis.call('PEXPIRE', key, ARGV[1])
  end
end
return 1
