-- Returns the answer of a shortcut, and the number of the call behind it: see
-- numbered.lua. A list, or a whole number as it is written, which costs the server less.
if type(answer) == 'string' then
    return number and answer .. ' ' .. number or { tonumber(answer) }
elseif answer then
    answer[#answer + 1] = tonumber(number)
    return answer
end
