-- A bucket of tokens that fills at a constant rate. Twin of
-- src/limit/rules/token_bucket.rs; params, keys and what is emitted: see gcra.lua.

rules.t = function(terms) return gcra.new(gcra, terms) end
