-- Reads and writes records of whole numbers. After prelude.lua.

-- Reads such numbers into a table with these names; nil if they are not as many.
local function parse(text, names)
    local found, nth = {}, 0
    for digits in string.gmatch(text, '%d+') do
        nth = nth + 1
        if names[nth] then found[names[nth]] = tonumber(digits) end
    end
    return nth == #names and match(text, '^[%d ]+$') and found or nil
end

local function write(names, values)
    local texts = {}
    for nth, name in ipairs(names) do texts[nth] = format('%.0f', values[name]) end
    return table.concat(texts, ' ')
end
