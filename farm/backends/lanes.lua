-- Have jobs wait in line. Put before scripts that file jobs.

-- `lanes`: {key of a set: [member that must be in it, its score if it is new]}. Without
-- a score (null) a new lane begins where the others are: it has no turns to make up for.
local function enter_lanes(lanes)
  for key, lane in pairs(lanes) do
    if not redis.call('ZSCORE', key, lane[1]) then
      local score = lane[2]
      if score == cjson.null then
        score = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or 0
      end
      redis.call('ZADD', key, score, lane[1])
    end
  end
end

