-- Add to the farm's counts. Put before scripts that do what is counted.
--
-- farm:metrics  hash: counts by field, see farm/jobs/metrics/tallies.py

-- `tally`: {field: by how much}, as often as `times` says.
local function count_up(tally, times)
  for field, count in pairs(tally) do
    redis.call('HINCRBY', 'farm:metrics', field, count * times)
  end
end

