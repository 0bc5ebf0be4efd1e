-- Bounds wrk's rate: it knows only full speed, and the machine's processors are also the directors and the servers.
-- usage: wrk -s pace.lua URL -- PAUSE_MS
local pause

function init(arguments)
  pause = tonumber(arguments[1])
end

function delay()
  return pause
end
