"""Lua scripts for the journals that members leave in the store, which are bounded and outlive their process.

Keys: ``entries:…`` (of a member: how many entries, and these as bytes, slice by slice), ``journal:…`` (how many slices
and entries it has, when it was last heard of, how far what runs has come), ``journals`` (the bytes of each member's).
"""

from __future__ import annotations

from typing import Final

from oagw_tornado.state.decision_scripts import PRELUDE

#: Forgets one.
DROP: Final = """
local function drop(of)
  redis.call('DEL', p..'entries:'..of, p..'journal:'..of)
  redis.call('HDEL', p..'journals', of)
end
"""

_POP: Final = """
local function is_there(of) return number(redis.call('ZSCORE', p..'members', of)) > now() end
local function pop(of)
  local count = redis.call('LPOP', p..'entries:'..of)
  if not count then return 0, 0 end
  local size = #redis.call('LPOP', p..'entries:'..of)
  redis.call('HINCRBY', p..'journals', of, -size)
  redis.call('HINCRBY', p..'journal:'..of, 'entries', -tonumber(count))
  return tonumber(count), size
end
"""

#: prefix, epoch, member, slices that it has left already, most entries and bytes, most bytes of all, most members that
#: are gone, seconds that it is kept for, 1 if those that are gone are to be kept on, how far what runs has come, then
#: entries and bytes of each further slice. Gives how many slices there are now; if that is not one after the other, the
#: store has forgotten some, and all are to be left again. Negative: another epoch has begun.
KEEP: Final = """
if redis.call('GET', p..'epoch') ~= ARGV[2] then return -1 end
local member = ARGV[3]
local list, about = p..'entries:'..member, p..'journal:'..member
local slices = number(redis.call('HGET', about, 'slices'))
if slices ~= tonumber(ARGV[4]) then
  drop(member)
  return 0
end
local entries, bytes = number(redis.call('HGET', about, 'entries')), number(redis.call('HGET', p..'journals', member))
for i = 12, #ARGV, 2 do
  redis.call('RPUSH', list, ARGV[i], ARGV[i + 1])
  slices, entries, bytes = slices + 1, entries + tonumber(ARGV[i]), bytes + #ARGV[i + 1]
end
redis.call('HSET', about, 'slices', slices, 'entries', entries, 'at', string.format('%.17g', now()), 'runs', ARGV[11])
redis.call('HSET', p..'journals', member, bytes)
while bytes > tonumber(ARGV[6]) or entries - number(redis.call('LINDEX', list, 0)) >= tonumber(ARGV[5]) do
  local count, size = pop(member)
  if size == 0 then break end
  entries, bytes = entries - count, bytes - size
end
local gone, total = {}, 0
local all = redis.call('HGETALL', p..'journals')
for i = 1, #all, 2 do
  total = total + tonumber(all[i + 1])
  if not is_there(all[i]) then
    gone[#gone + 1] = {all[i], number(redis.call('HGET', p..'journal:'..all[i], 'at'))}
  end
end
table.sort(gone, function(one, other) return one[2] < other[2] end)
for number_of, each in ipairs(gone) do
  if #gone - number_of >= tonumber(ARGV[8]) then
    total = total - number(redis.call('HGET', p..'journals', each[1]))
    drop(each[1])
  end
  while total > tonumber(ARGV[7]) do
    local _, size = pop(each[1])
    if size == 0 then break end
    total = total - size
  end
  if ARGV[10] == '1' then
    redis.call('EXPIRE', p..'entries:'..each[1], ARGV[9])
    redis.call('EXPIRE', p..'journal:'..each[1], ARGV[9])
  end
end
while total > tonumber(ARGV[7]) do
  local _, size = pop(member)
  if size == 0 then break end
  total = total - size
end
redis.call('EXPIRE', list, ARGV[9])
redis.call('EXPIRE', about, ARGV[9])
redis.call('EXPIRE', p..'journals', ARGV[9])
return slices
"""

#: prefix, then the members that are there: what the others have left: member, slices that are there, what ran.
LEFT: Final = """
local there, told = {}, {}
for i = 2, #ARGV do there[ARGV[i]] = true end
for _, member in ipairs(redis.call('HKEYS', p..'journals')) do
  if not there[member] then
    told[#told + 1] = {member, redis.call('LLEN', p..'entries:'..member) / 2,
      redis.call('HGET', p..'journal:'..member, 'runs') or ''}
  end
end
return told
"""

#: prefix, member, number of a slice, how many: these, each behind the number of its entries.
SLICES: Final = """
local from = 2 * tonumber(ARGV[3])
return redis.call('LRANGE', p..'entries:'..ARGV[2], from, from + 2 * tonumber(ARGV[4]) - 1)
"""

#: prefix, member, 0 or 1: forgets what it has left, and (1) what those have that are gone.
FORGET: Final = """
for _, each in ipairs(redis.call('HKEYS', p..'journals')) do
  if each == ARGV[2] or (ARGV[3] == '1' and not is_there(each)) then drop(each) end
end
"""

#: All of them by name.
SCRIPTS: Final = {
    "keep": PRELUDE + DROP + _POP + KEEP,
    "left": PRELUDE + LEFT,
    "slices": PRELUDE + SLICES,
    "forget": PRELUDE + DROP + _POP + FORGET,
}
