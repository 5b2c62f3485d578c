-- A bucket of tokens that fills at a constant rate. Mirrors
-- src/limit/rules/token_bucket.rs; terms, keys and what is found: see arrival.lua.

rules.token_bucket = function(terms)
    return arrival(terms, 't')
end
