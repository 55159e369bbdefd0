-- Sends prepared requests in turn: wrk … -s replay.lua URL -- FILE
--
-- FILE: method, path, body (may be empty), name of the header that varies, then fixed headers as `Name: value` up to
-- an empty line, then one value of the varying header a line. Each thread begins elsewhere in the list, so that no
-- two connections use one user's token at a time. Answers other than 2xx and 3xx count as refused.

package.path = os.getenv("BENCHMARKS") .. "/lua/?.lua;" .. package.path
local report = require("report")

local requests, position = {}, 0

function setup(thread)
  report.number(thread)
end

function init(arguments)
  local lines = report.lines(arguments[1])
  local method, path, body, varying = lines[1], lines[2], lines[3], lines[4]
  local headers, at = {}, 5
  while lines[at] and lines[at] ~= "" do
    local name, value = lines[at]:match("^(.-): (.*)$")
    headers[name] = value
    at = at + 1
  end
  if body == "" then
    body = nil
  end
  for index = at + 1, #lines do
    headers[varying] = lines[index]
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
  if #requests == 0 then
    requests[1] = wrk.format(method, path, headers, body)
  end
  position = math.floor(thread_index * #requests / 2)
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  report.print(summary, latency)
end
