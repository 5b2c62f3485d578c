-- Stands around every script, which is the function `script` above it, so that
-- whoever asks can tell that this is the answer to its question and no other's.
--
-- ARGV      what the script is given, and behind it the number of the call
--
-- Returns the number, and what the script returns. An error that ends the script
-- comes in its place, so that it has the number, too; what the server answers
-- without running the script has none.
--
-- Called by src/redis/script.rs; the answer is read by src/redis/call.rs.

local number = tonumber(ARGV[#ARGV])
ARGV[#ARGV] = nil
local done, reply = pcall(script)
if not done then
    -- An error of a command begins with its code, at least since Redis 7.
    reply = tostring(type(reply) == 'table' and reply.err or reply)
    reply = { err = string.match(reply, '^%u+ ') and reply or 'ERR ' .. reply }
end
return { number, reply }
