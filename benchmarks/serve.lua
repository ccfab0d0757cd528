-- One-click POSTs for wrk: a token a line from the file that is named behind --, one after the other.

local tokens, at = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    tokens[#tokens + 1] = line
  end
  wrk.method = "POST"
  wrk.body = "List-Unsubscribe=One-Click"
  wrk.headers["Host"] = "news.example.org"
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
end

function request()
  at = at % #tokens + 1
  return wrk.format(nil, "/u/" .. tokens[at])
end

function done(summary, latency)
  io.write(string.format(
    "FOUND {\"requests\": %d, \"seconds\": %f, \"p50\": %f, \"p99\": %f, \"worst\": %f, \"errors\": %d}\n",
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
      + summary.errors.timeout))
end
