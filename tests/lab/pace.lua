-- Bounds wrk's rate: it knows only full speed, and the machine's two cores are also the directors and the servers.
function delay()
  return 5
end
