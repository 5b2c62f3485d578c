-- A queue that drains at a constant rate, or the meter that only counts. Mirrors
-- src/limit/rules/leaky_bucket.rs; terms, keys and what is found: see arrival.lua.

rules.leaky_bucket = function(terms)
    return arrival(terms, terms[4] == 1 and 'q' or 'm')
end
