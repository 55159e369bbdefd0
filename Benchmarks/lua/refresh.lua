-- Refreshes sessions in chains: wrk … -s refresh.lua URL -- FILE THREADS
--
-- FILE: the path, then one refresh token a line. Each thread has its share of the sessions in a queue: a request takes
-- the longest waiting token, and the token that the answer carries joins the end. wrk does not say which
-- connection an answer came on, and need not: every answer brings the next token of the session it belongs to.

package.path = os.getenv("BENCHMARKS") .. "/lua/?.lua;" .. package.path
local report = require("report")

local path, waiting, first, last = nil, {}, 1, 0

function setup(thread)
  report.number(thread)
end

function init(arguments)
  local lines = report.lines(arguments[1])
  local threads = tonumber(arguments[2])
  path = lines[1]
  for index = 2, #lines do
    if index % threads == thread_index then
      last = last + 1
      waiting[last] = lines[index]
    end
  end
end

function request()
  local token = waiting[first]
  if token == nil then
    -- Every session of this thread has failed: an answer that counts as refused.
    return wrk.format("POST", path, { ["X-Refresh-Token"] = "none" })
  end
  waiting[first] = nil
  first = first + 1
  return wrk.format("POST", path, { ["X-Refresh-Token"] = token })
end

function response(status, headers, body)
  if status == 200 then
    local token = body:match('"refresh"%s*:%s*"([^"]+)"')
    if token then
      last = last + 1
      waiting[last] = token
    end
  end
end

function done(summary, latency)
  report.print(summary, latency)
end
