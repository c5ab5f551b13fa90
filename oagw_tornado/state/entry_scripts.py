"""What upstreams have given out, in the store, as Lua.

Every script gets the prefix of all keys first. Keys, for each kind of entries: ``given:…`` (their values),
``facts:…`` (until when each is good, whether it is open, and who made it), ``order:…`` (the oldest first) and
``size:…`` (their bytes); beside these ``kinds`` (which there are), ``order-number``, ``places`` and ``places-used``
(what is counted on), ``prompts`` (their beginnings, by when they were used), ``agreed``, and ``mirrors`` (the members
that have told what they know since the store began).
"""

from __future__ import annotations

from typing import Final

from oagw_tornado.state.decision_scripts import PRELUDE

#: Forgets what a reset forgets.
WIPE_ENTRIES: Final = """
local function wipe_entries()
  for _, kind in ipairs(redis.call('SMEMBERS', p..'kinds')) do
    redis.call('UNLINK', p..'given:'..kind, p..'facts:'..kind, p..'order:'..kind, p..'size:'..kind)
  end
  redis.call('UNLINK', p..'kinds', p..'places', p..'places-used', p..'prompts')
end
"""

_KEEP: Final = """
local function drop(kind, key)
  local size = redis.call('HSTRLEN', p..'given:'..kind, key)
  redis.call('HDEL', p..'given:'..kind, key)
  redis.call('HDEL', p..'facts:'..kind, key)
  redis.call('ZREM', p..'order:'..kind, key)
  redis.call('DECRBY', p..'size:'..kind, size)
end
local function keep(kind, most, most_bytes, key, value, lifetime, open, member, mode)
  local is_there = redis.call('HEXISTS', p..'given:'..kind, key) == 1
  if (mode == 'NX' and is_there) or (mode == 'XX' and not is_there) then return end
  if mode == 'XX' then
    redis.call('DECRBY', p..'size:'..kind, redis.call('HSTRLEN', p..'given:'..kind, key))
    lifetime = nil
  elseif is_there then
    drop(kind, key)
  end
  redis.call('SADD', p..'kinds', kind)
  redis.call('HSET', p..'given:'..kind, key, value)
  redis.call('INCRBY', p..'size:'..kind, #value)
  local ends = lifetime and (tonumber(lifetime) < 0 and 'inf' or string.format('%.17g', now() + tonumber(lifetime)))
  if not ends then ends = string.match(redis.call('HGET', p..'facts:'..kind, key), '^[^ ]+') end
  redis.call('HSET', p..'facts:'..kind, key, ends..' '..open..' '..member)
  if mode ~= 'XX' then redis.call('ZADD', p..'order:'..kind, redis.call('INCR', p..'order-number'), key) end
  while redis.call('ZCARD', p..'order:'..kind) > tonumber(most)
      or number(redis.call('GET', p..'size:'..kind)) > tonumber(most_bytes) do
    local oldest = redis.call('ZRANGE', p..'order:'..kind, 0, 0)[1]
    if not oldest then break end
    drop(kind, oldest)
  end
end
local function told(kind, key)
  local value = redis.call('HGET', p..'given:'..kind, key)
  if not value then return {} end
  local ends, open, member = string.match(redis.call('HGET', p..'facts:'..kind, key), '^(%S+) (%S+) (%S*)$')
  local left = ends == 'inf' and 'inf' or string.format('%.17g', tonumber(ends) - now())
  return {value, left, open, member}
end
"""

#: prefix, member, mode, kind, most, most bytes, then key, value, seconds (-1: for ever) and whether it is open (1, 0)
#: of each entry. Modes: ``-`` has it anew, ``NX`` unless it is there, ``XX`` only if it is there, in its place.
KEEP: Final = """
redis.call('SADD', p..'mirrors', ARGV[2])
for i = 7, #ARGV, 4 do
  keep(ARGV[4], ARGV[5], ARGV[6], ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[2], ARGV[3])
end
"""

#: prefix, kind, key. Gives its value, the seconds that it is good for, whether it is open, and who made it.
GET_ENTRY: Final = "return told(ARGV[2], ARGV[3])"

#: prefix, kind, key: as `GET_ENTRY`; it is gone then.
TAKE_ENTRY: Final = """
local found = told(ARGV[2], ARGV[3])
if found[1] then
  drop(ARGV[2], ARGV[3])
  redis.call('PUBLISH', p..'bus', 'gone '..ARGV[2]..' '..ARGV[3])
end
return found
"""

#: prefix, name, value. Gives the first value that came by this name.
AGREE: Final = """
redis.call('HSETNX', p..'agreed', ARGV[2], ARGV[3])
return redis.call('HGET', p..'agreed', ARGV[2])
"""

_PLACES: Final = """
local function place(key, at, most)
  redis.call('HSET', p..'places', key, at)
  redis.call('ZADD', p..'places-used', redis.call('INCR', p..'order-number'), key)
  if redis.call('ZCARD', p..'places-used') > tonumber(most) then
    redis.call('HDEL', p..'places', redis.call('ZPOPMIN', p..'places-used')[1])
  end
end
"""

#: prefix, key, how many places there are, most keys. Gives the place, from 0; the last one is for all that follow.
ADVANCE: Final = """
local at, last = number(redis.call('HGET', p..'places', ARGV[2])), tonumber(ARGV[3]) - 1
place(ARGV[2], math.min(at + 1, last), ARGV[4])
return math.min(at, last)
"""

#: prefix, most keys, then key and place of each: where they are at least.
ADVANCED: Final = """
for i = 3, #ARGV, 2 do
  if tonumber(ARGV[i + 1]) > number(redis.call('HGET', p..'places', ARGV[i])) then
    place(ARGV[i], ARGV[i + 1], ARGV[2])
  end
end
"""

#: prefix, seconds for which a beginning is kept that nobody uses, most beginnings, then each with 1 if it is used now
#: in any case, 0 if only where it was seen. Gives which of them were seen.
PROMPTS: Final = """
local at, seen = now(), {}
for i = 4, #ARGV, 2 do
  local used = redis.call('ZSCORE', p..'prompts', ARGV[i])
  local is_seen = used and at - tonumber(used) <= tonumber(ARGV[2])
  seen[#seen + 1] = is_seen and 1 or 0
  if is_seen or ARGV[i + 1] == '1' then
    redis.call('ZADD', p..'prompts', string.format('%.6f', at), ARGV[i])
  end
end
local over = redis.call('ZCARD', p..'prompts') - tonumber(ARGV[3])
if over > 0 then redis.call('ZREMRANGEBYRANK', p..'prompts', 0, over - 1) end
return seen
"""

#: prefix, member: whether the store has forgotten nothing since this member last told it something.
MIRRORED: Final = "return 1 - redis.call('SADD', p..'mirrors', ARGV[2])"

#: All of them by name.
SCRIPTS: Final = {
    "keep-entries": PRELUDE + _KEEP + KEEP,
    "get-entry": PRELUDE + _KEEP + GET_ENTRY,
    "take-entry": PRELUDE + _KEEP + TAKE_ENTRY,
    "agree": PRELUDE + AGREE,
    "advance": PRELUDE + _PLACES + ADVANCE,
    "advanced": PRELUDE + _PLACES + ADVANCED,
    "prompts": PRELUDE + PROMPTS,
    "mirrored": PRELUDE + MIRRORED,
}
