-- Shared by the scripts beside it: spreads credentials over wrk's threads and prints the result as one JSON line.

local report = { threads = 0 }

-- Lines of a file.
function report.lines(path)
  local found = {}
  for line in io.lines(path) do
    found[#found + 1] = line
  end
  return found
end

-- Numbers the threads from 0; call it from setup().
function report.number(thread)
  thread:set("thread_index", report.threads)
  report.threads = report.threads + 1
end

function report.print(summary, latency)
  local errors = summary.errors
  print(string.format(
    'RESULT {"requests":%d,"seconds":%.3f,"p50_ms":%.2f,"p99_ms":%.2f,"max_ms":%.2f,'
      .. '"refused":%d,"broken":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end

return report
