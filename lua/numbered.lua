-- Wraps every script, so that the caller can tell that a reply belongs to its call.
-- The source of the script stands above this, as the body of a function `script`.
--
-- ARGV      the arguments of the script, and behind them the number of the call, which
--           number.lua takes off
--
-- Returns the list that the script returns, and behind it the number: one list, because
-- the server takes half a microsecond for each. An error that ends the script is
-- returned in place of what is in the list, so that it has the number, too. An error
-- of the server that did not run the script has no number.
--
-- Added by src/redis/script.rs.

local done, reply = pcall(script)
if not done then
    -- An error of a command begins with its code, at least since Redis 7.
    reply = tostring(type(reply) == 'table' and reply.err or reply)
    reply = { { err = string.match(reply, '^%u+ ') and reply or 'ERR ' .. reply } }
end
reply[#reply + 1] = tonumber(number)
return reply
