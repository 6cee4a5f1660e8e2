-- Creates orders, each under a key of its own, or reads, where there is no body; tells at the end what it saw, as one
-- JSON line.

function init(args)
  sent = 0
  run = args[1]
  headers = {["Authorization"] = "Bearer " .. args[2]}
  body = args[3]
  if body == "" then
    reading = wrk.format("GET", nil, headers)
  else
    headers["Content-Type"] = "application/json"
    named = body:find("REFERENCE", 1, true)
  end
end

function request()
  if reading then return reading end
  sent = sent + 1
  -- What a merchant's keys are like: not one after the other.
  local key = string.format("%08x-%s-%d", (sent * 2654435761) % 4294967296, run, sent)
  headers["Idempotency-Key"] = key
  return wrk.format("POST", nil, headers, named and body:gsub("REFERENCE", key) or body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d,"p50":%d,"p95":%d,"p99":%d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
