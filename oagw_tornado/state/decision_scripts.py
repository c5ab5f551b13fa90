"""Lua scripts that decide about requests in the store, each atomically.

Every script first gets the prefix of all keys, then the epoch that the caller knows: a reset begins a new one. Keys:
``counts``, ``sessions:…`` and ``used:…`` (of rules), ``limit:…`` (buckets), ``gates``, ``gate:…`` and ``line:…``
(permits, and the waiting replies), ``granted:…`` (the replies of a member that may pass).
"""

from __future__ import annotations

from typing import Final

#: What all scripts begin with.
PRELUDE: Final = """
local p = ARGV[1]
local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end
local function number(text) return tonumber(text or '0') or 0 end
"""

_TIDY: Final = """
local function stand(name)
  local gate = redis.call('HMGET', p..'gate:'..name, 'permits', 'open', 'pending')
  return number(gate[1]), gate[2] == '1', number(gate[3]), redis.call('LLEN', p..'line:'..name)
end
local function tidy(name)
  local permits, open, pending, waiting = stand(name)
  if permits <= 0 and not open and pending <= 0 and waiting == 0 then
    redis.call('DEL', p..'gate:'..name)
    redis.call('ZREM', p..'gates', name)
  end
end
local function is_there(entry)
  return number(redis.call('ZSCORE', p..'members', string.match(entry, '^[^/]+') or '')) > now()
end
"""

#: prefix, epoch, most sessions, then for each candidate: key, session, first (-1: no end), every, after, and whether it
#: applies where its count says so: 1, 0, or ? for a die that its count is needed for.
#: Gives the number of the candidate that applies (0: none; negative: throw its die), how often it has applied, and for
#: each that was counted its count and its number in its session. Nothing: another epoch has begun.
COUNT: Final = """
if redis.call('GET', p..'epoch') ~= ARGV[2] then return {} end
local told = {0, 0}
for i = 4, #ARGV, 6 do
  local key, session = ARGV[i], ARGV[i + 1]
  local fitted = redis.call('HINCRBY', p..'counts', 'f:'..key, 1)
  local counted = fitted
  if session ~= '' then
    counted = redis.call('HINCRBY', p..'sessions:'..key, session, 1)
    redis.call('SADD', p..'counted', key)
    redis.call('ZADD', p..'used:'..key, fitted, session)
    if redis.call('ZCARD', p..'used:'..key) > tonumber(ARGV[3]) then
      redis.call('HDEL', p..'sessions:'..key, redis.call('ZPOPMIN', p..'used:'..key)[1])
    end
  end
  told[#told + 1] = fitted
  told[#told + 1] = counted
  local first, every, past = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), counted - tonumber(ARGV[i + 4])
  if past >= 1 and (first < 0 or past <= first) and past % every == 0 and ARGV[i + 5] ~= '0' then
    local index = (i - 4) / 6 + 1
    if ARGV[i + 5] == '?' then
      told[1] = -index
    else
      told[1], told[2] = index, redis.call('HINCRBY', p..'counts', 'a:'..key, 1)
    end
    return told
  end
end
return told
"""

#: prefix, epoch, key: a die that `COUNT` asked for has let a rule apply.
APPLIED: Final = """
if redis.call('GET', p..'epoch') == ARGV[2] then redis.call('HINCRBY', p..'counts', 'a:'..ARGV[3], 1) end
"""

#: prefix, epoch: how often rules have fitted and applied, field by field.
COUNTS: Final = "return redis.call('HGETALL', p..'counts')"

#: prefix, epoch, key, requests a second, burst, tokens a second (0: no limit), most tokens, tokens of this request.
#: Gives the waits for a request and for the tokens, and the levels that are left; nothing: another epoch has begun.
LIMIT: Final = """
if redis.call('GET', p..'epoch') ~= ARGV[2] then return {} end
local key = p..'limit:'..ARGV[2]..':'..ARGV[3]
local at = now()
local had = redis.call('HMGET', key, 'requests', 'tokens', 'at')
local passed = had[3] and math.max(0, at - tonumber(had[3])) or 0
local function fill(level, most, rate)
  return level and math.min(most, tonumber(level) + passed * rate) or most
end
local function wait(amount, level, most, rate)
  local missing = math.min(amount, most) - level
  if missing > 1e-9 then return missing / rate end
  return amount <= most and 0 or 1 / rate
end
local rate, burst, per, most, amount =
  tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local requests, tokens = fill(had[1], burst, rate), fill(had[2], most, per)
local first, second = wait(1, requests, burst, rate), 0
if per > 0 then second = wait(amount, tokens, most, per) end
if first == 0 and second == 0 then
  requests = requests - 1
  if per > 0 then tokens = tokens - amount end
end
local function exact(value) return string.format('%.17g', value) end
redis.call('HSET', key, 'requests', exact(requests), 'tokens', exact(tokens), 'at', exact(at))
local full = (burst - requests) / rate
if per > 0 then full = math.max(full, (most - tokens) / per) end
redis.call('PEXPIRE', key, math.ceil(full * 1000) + 1000)
return {exact(first), exact(second), exact(requests), exact(tokens)}
"""

#: prefix, epoch, gate, entry (``member/number``), most gates, 1 if it may stand in line already.
#: 2: the gate is open; 1: pass; 0: wait; -1: another epoch has begun.
ENTER: Final = """
if redis.call('GET', p..'epoch') ~= ARGV[2] then return -1 end
local name, entry = ARGV[3], ARGV[4]
local permits, open = stand(name)
if open then return 2 end
local line = p..'line:'..name
if ARGV[6] == '1' and redis.call('LPOS', line, entry) then return 0 end
redis.call('ZADD', p..'gates', now(), name)
if permits > 0 then
  while true do  -- those who are gone hold nobody up
    local head = redis.call('LINDEX', line, 0)
    if not head or is_there(head) then break end
    redis.call('LPOP', line)
  end
  if redis.call('LLEN', line) == 0 then
    redis.call('HINCRBY', p..'gate:'..name, 'permits', -1)
    redis.call('HINCRBY', p..'gate:'..name, 'pending', 1)
    return 1
  end
end
redis.call('RPUSH', line, entry)
if redis.call('ZCARD', p..'gates') > tonumber(ARGV[5]) then
  for _, old in ipairs(redis.call('ZRANGE', p..'gates', 0, 9)) do
    if redis.call('LLEN', p..'line:'..old) == 0 then
      redis.call('DEL', p..'gate:'..old)
      redis.call('ZREM', p..'gates', old)
      break
    end
  end
end
return 0
"""

#: prefix, epoch, gate, permits to add (or all), most to let pass in one step.
#: Gives how the gate stands: permits, open, waiting, pending (let pass, and not gone on yet).
RELEASE: Final = """
local name = ARGV[3]
if ARGV[4] == 'all' then redis.call('HSET', p..'gate:'..name, 'open', '1')
elseif ARGV[4] ~= '0' then redis.call('HINCRBY', p..'gate:'..name, 'permits', ARGV[4]) end
redis.call('ZADD', p..'gates', now(), name)
local permits, open = stand(name)
local told = {}
for _ = 1, tonumber(ARGV[5]) do
  if not open and permits <= 0 then break end
  local entry = redis.call('LPOP', p..'line:'..name)
  if not entry then break end
  if is_there(entry) then
    local member = string.match(entry, '^[^/]+')
    redis.call('RPUSH', p..'granted:'..member, entry..' '..name)
    redis.call('HINCRBY', p..'gate:'..name, 'pending', 1)
    if not open then permits = redis.call('HINCRBY', p..'gate:'..name, 'permits', -1) end
    told[member] = true
  end
end
for member, _ in pairs(told) do redis.call('PUBLISH', p..'to:'..member, 'granted') end
tidy(name)
local left, is_open, pending, waiting = stand(name)
return {left, is_open and 1 or 0, waiting, pending}
"""

#: prefix, epoch, gate, how many of those that were let pass have gone on.
SETTLED: Final = """
if redis.call('EXISTS', p..'gate:'..ARGV[3]) == 1 then
  if redis.call('HINCRBY', p..'gate:'..ARGV[3], 'pending', -tonumber(ARGV[4])) < 0 then
    redis.call('HSET', p..'gate:'..ARGV[3], 'pending', 0)
  end
end
tidy(ARGV[3])
"""

#: prefix, epoch, gate, entry: it waits no longer.
LEAVE_GATE: Final = """
local found = redis.call('LREM', p..'line:'..ARGV[3], 1, ARGV[4])
tidy(ARGV[3])
return found
"""

#: prefix, epoch, member: those of its replies that were let pass, at most 1,000.
GRANTED: Final = "return redis.call('LPOP', p..'granted:'..ARGV[3], 1000) or {}"

#: prefix, epoch, gate (or nothing for all): name, permits, open, waiting, pending of each.
GATES: Final = """
local told = {}
for _, name in ipairs(ARGV[3] and {ARGV[3]} or redis.call('ZRANGE', p..'gates', 0, -1)) do
  local permits, open, pending, waiting = stand(name)
  told[#told + 1] = {name, permits, open and 1 or 0, waiting, pending}
end
return told
"""

#: All of them by name.
SCRIPTS: Final = {
    "count": PRELUDE + COUNT,
    "applied": PRELUDE + APPLIED,
    "counts": PRELUDE + COUNTS,
    "limit": PRELUDE + LIMIT,
    "enter": PRELUDE + _TIDY + ENTER,
    "release": PRELUDE + _TIDY + RELEASE,
    "settled": PRELUDE + _TIDY + SETTLED,
    "leave-gate": PRELUDE + _TIDY + LEAVE_GATE,
    "granted": PRELUDE + GRANTED,
    "gates": PRELUDE + _TIDY + GATES,
}
