-- Takes the number of the call off its arguments: see numbered.lua.
local number = ARGV[#ARGV]
ARGV[#ARGV] = nil
