"""Lua scripts through which the members of a state exchange membership, changes and measurements.

Every script first gets the prefix of all keys. Keys: ``epoch`` (how often the state was reset), ``seq`` and ``log``
(what was changed since then, from ``base`` on), ``members``, ``labels`` and ``applied`` (who is there, until when
unless it is heard of again, and what it has followed), ``started``, ``evidence`` and ``seconds:…`` (what each has
measured).
"""

from __future__ import annotations

from typing import Final

from oagw_tornado.state.decision_scripts import PRELUDE
from oagw_tornado.state.entry_scripts import WIPE_ENTRIES
from oagw_tornado.state.journal_scripts import DROP

#: Forgets what a reset forgets.
_WIPE: Final = (
    DROP
    + WIPE_ENTRIES
    + """
local function wipe()
  wipe_entries()
  for _, name in ipairs(redis.call('ZRANGE', p..'gates', 0, -1)) do
    redis.call('DEL', p..'gate:'..name, p..'line:'..name)
  end
  for _, key in ipairs(redis.call('SMEMBERS', p..'counted')) do
    redis.call('DEL', p..'sessions:'..key, p..'used:'..key)
  end
  for _, member in ipairs(redis.call('HKEYS', p..'evidence')) do redis.call('DEL', p..'seconds:'..member) end
  for _, member in ipairs(redis.call('HKEYS', p..'journals')) do drop(member) end
  redis.call('DEL', p..'gates', p..'counts', p..'counted', p..'evidence', p..'log',
    p..'labels')
  redis.call('INCR', p..'epoch')
end
"""
)

#: prefix, member, seconds that it is taken to be there, its label, the member in whose place it comes (or nothing).
#: Who finds nobody begins anew. Gives epoch, seq, seconds since the state began.
JOIN: Final = """
redis.call('ZREMRANGEBYSCORE', p..'members', '-inf', now())
if ARGV[5] ~= '' then redis.call('ZREM', p..'members', ARGV[5]) end
if redis.call('ZCARD', p..'members') == 0 or not redis.call('GET', p..'epoch') then
  wipe()
  redis.call('SET', p..'base', number(redis.call('GET', p..'seq')))
  redis.call('DEL', p..'labels', p..'applied', p..'agreed', p..'mirrors')
  redis.call('SET', p..'started', string.format('%.17g', now()))
end
redis.call('ZADD', p..'members', now() + tonumber(ARGV[3]), ARGV[2])
redis.call('HSET', p..'labels', ARGV[2], ARGV[4])
local passed = now() - number(redis.call('GET', p..'started'))
return {redis.call('GET', p..'epoch'), number(redis.call('GET', p..'seq')), string.format('%.17g', passed)}
"""

#: prefix, member, seconds, label: it is there. Gives epoch (or nothing: all is lost), seq, replies let pass.
BEAT: Final = """
redis.call('ZADD', p..'members', now() + tonumber(ARGV[3]), ARGV[2])
redis.call('HSET', p..'labels', ARGV[2], ARGV[4])
return {redis.call('GET', p..'epoch') or '', number(redis.call('GET', p..'seq')),
  redis.call('LLEN', p..'granted:'..ARGV[2])}
"""

#: prefix, member, seconds, label, its epoch, its seq, the state as it knows it, seconds since that began, then
#: field and value of each count it has seen, then (behind an empty one) rule, session and number of those.
#: Brings a store up to date that has forgotten: of two that know it, who knows more decides.
REJOIN: Final = """
local epoch, seq = number(redis.call('GET', p..'epoch')), number(redis.call('GET', p..'seq'))
local own, known = tonumber(ARGV[5]), tonumber(ARGV[6])
if own > epoch or (own == epoch and known > seq) then
  if own > epoch then wipe() end
  redis.call('SET', p..'epoch', ARGV[5])
  redis.call('SET', p..'seq', ARGV[6])
  redis.call('SET', p..'base', known - 1)
  redis.call('DEL', p..'log')
  redis.call('RPUSH', p..'log', ARGV[6]..' '..ARGV[5]..' - '..ARGV[7])
  redis.call('SET', p..'started', string.format('%.17g', now() - tonumber(ARGV[8])))
end
if number(redis.call('GET', p..'epoch')) == own then
  local i = 9
  while i < #ARGV and ARGV[i] ~= '' do
    if tonumber(ARGV[i + 1]) > number(redis.call('HGET', p..'counts', ARGV[i])) then
      redis.call('HSET', p..'counts', ARGV[i], ARGV[i + 1])
    end
    i = i + 2
  end
  i = i + 1
  while i < #ARGV do
    local sessions = p..'sessions:'..ARGV[i]
    if tonumber(ARGV[i + 2]) > number(redis.call('HGET', sessions, ARGV[i + 1])) then
      redis.call('SADD', p..'counted', ARGV[i])
      redis.call('HSET', sessions, ARGV[i + 1], ARGV[i + 2])
      redis.call('ZADD', p..'used:'..ARGV[i], 'NX', 0, ARGV[i + 1])
    end
    i = i + 3
  end
end
redis.call('ZADD', p..'members', now() + tonumber(ARGV[3]), ARGV[2])
redis.call('HSET', p..'labels', ARGV[2], ARGV[4])
return {redis.call('GET', p..'epoch'), number(redis.call('GET', p..'seq'))}
"""

#: prefix, epoch, member, change, 1 if it is a reset. Gives its number, the epoch from now on, entries of the log, and
#: who is to follow it. Nothing: another epoch has begun.
SUBMIT: Final = """
if redis.call('GET', p..'epoch') ~= ARGV[2] then return {} end
local seq = redis.call('INCR', p..'seq')
if ARGV[5] == '1' then
  wipe()
  redis.call('SET', p..'base', seq - 1)
end
local epoch = redis.call('GET', p..'epoch')
redis.call('RPUSH', p..'log', string.format('%.0f', seq)..' '..epoch..' '..ARGV[3]..' '..ARGV[4])
redis.call('PUBLISH', p..'bus', 'log')
return {seq, epoch, redis.call('LLEN', p..'log'), redis.call('ZRANGEBYSCORE', p..'members', now(), '+inf')}
"""

#: prefix, the number of the last change that was followed, most to give: the changes since then, in order.
FOLLOW: Final = """
local from = math.max(0, tonumber(ARGV[2]) - number(redis.call('GET', p..'base')))
return redis.call('LRANGE', p..'log', from, from + tonumber(ARGV[3]) - 1)
"""

#: prefix, number of a change, the state as it is with it: stands for the log, unless that has gone on.
COMPACT: Final = """
if number(redis.call('GET', p..'seq')) ~= tonumber(ARGV[2]) then return 0 end
redis.call('DEL', p..'log')
redis.call('RPUSH', p..'log', ARGV[2]..' '..redis.call('GET', p..'epoch')..' - '..ARGV[3])
redis.call('SET', p..'base', tonumber(ARGV[2]) - 1)
return 1
"""

#: prefix, member, number of a change, who made it: it is followed.
ACKNOWLEDGE: Final = """
redis.call('HSET', p..'applied', ARGV[2], ARGV[3])
redis.call('PUBLISH', p..'to:'..ARGV[4], 'followed')
"""

#: prefix: who is there (member, label, last change that it followed).
MEMBERS: Final = """
local told = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', p..'members', now(), '+inf')) do
  told[#told + 1] = {member, redis.call('HGET', p..'labels', member) or '',
    number(redis.call('HGET', p..'applied', member))}
end
return told
"""

#: prefix, member: it goes.
LEAVE: Final = """
redis.call('ZREM', p..'members', ARGV[2])
redis.call('DEL', p..'granted:'..ARGV[2])
redis.call('HDEL', p..'applied', ARGV[2])
"""

#: prefix, question: asks all who are there. Gives them.
ASK: Final = """
redis.call('PUBLISH', p..'bus', 'ask '..ARGV[2])
return redis.call('ZRANGEBYSCORE', p..'members', now(), '+inf')
"""

#: prefix, member, question: asks one. Gives whether it is there.
ASK_ONE: Final = """
redis.call('PUBLISH', p..'to:'..ARGV[2], 'ask '..ARGV[3])
return number(redis.call('ZSCORE', p..'members', ARGV[2])) > now() and 1 or 0
"""

#: prefix, key of the answers, seconds that they are kept, answer.
ANSWER: Final = """
redis.call('RPUSH', p..ARGV[2], ARGV[4])
redis.call('EXPIRE', p..ARGV[2], ARGV[3])
"""

#: prefix, epoch, member, what it has measured in all, most seconds and members, then the seconds one by one.
PUSH: Final = """
if redis.call('GET', p..'epoch') ~= ARGV[2] then return 0 end
if redis.call('HLEN', p..'evidence') >= tonumber(ARGV[6]) and redis.call('HEXISTS', p..'evidence', ARGV[3]) == 0 then
  return 0
end
redis.call('HSET', p..'evidence', ARGV[3], ARGV[4])
for i = 7, #ARGV do redis.call('RPUSH', p..'seconds:'..ARGV[3], ARGV[i]) end
redis.call('LTRIM', p..'seconds:'..ARGV[3], -tonumber(ARGV[5]), -1)
return 1
"""

#: prefix, then the members that are there: what the others have measured: member, label, all, seconds of each.
DEPARTED: Final = """
local there, told = {}, {}
for i = 2, #ARGV do there[ARGV[i]] = true end
for _, member in ipairs(redis.call('HKEYS', p..'evidence')) do
  if not there[member] then
    told[#told + 1] = {member, redis.call('HGET', p..'labels', member) or '', redis.call('HGET', p..'evidence', member),
      redis.call('LRANGE', p..'seconds:'..member, 0, -1)}
  end
end
return told
"""

#: prefix, channel, word: says it to all who listen.
TELL: Final = "return redis.call('PUBLISH', p..ARGV[2], ARGV[3])"

#: All of them by name.
SCRIPTS: Final = {
    "join": PRELUDE + _WIPE + JOIN,
    "beat": PRELUDE + BEAT,
    "rejoin": PRELUDE + _WIPE + REJOIN,
    "submit": PRELUDE + _WIPE + SUBMIT,
    "follow": PRELUDE + FOLLOW,
    "compact": PRELUDE + COMPACT,
    "acknowledge": PRELUDE + ACKNOWLEDGE,
    "members": PRELUDE + MEMBERS,
    "leave": PRELUDE + LEAVE,
    "tell": PRELUDE + TELL,
    "ask": PRELUDE + ASK,
    "ask-one": PRELUDE + ASK_ONE,
    "answer": PRELUDE + ANSWER,
    "push": PRELUDE + PUSH,
    "departed": PRELUDE + DEPARTED,
}
