-- Small requests through gateway and authorization, with wrk:
--
--   wrk -t2 -c64 -d10s --latency -s wrk.lua http://127.0.0.1:8765
--
-- At the end it says how many replies were not 2xx: with the wrong token all of them.

local token = os.getenv("OAGW_AUTH_TOKEN") or "test-integration-token"
local targets = {
  "/api/oagw/v1/proxy/weather/current?city=Oslo",
  "/api/oagw/v1/proxy/github/users/octocat",
  "/api/oagw/v1/proxy/openai/v1/models",
}
local sent = 0

request = function()
  sent = sent + 1
  return wrk.format("GET", targets[sent % #targets + 1], { ["Authorization"] = "Bearer " .. token })
end

done = function(summary)
  local errors = summary.errors
  print(string.format(
    "requests %d, not 2xx %d, socket errors %d",
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
