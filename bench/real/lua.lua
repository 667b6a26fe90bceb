-- SPDX-License-Identifier: MIT
-- Trees of tables, strings cut up and put together, closures.
local function tree(depth)
	if depth == 0 then return {} end
	return { tree(depth - 1), tree(depth - 1), depth = depth }
end

local function count(node)
	return node[1] and 1 + count(node[1]) + count(node[2]) or 1
end

local kept, sum = tree(15), 0
for _ = 1, 40 do sum = sum + count(tree(12)) end

local words, seen = {}, {}
for i = 1, 120000 do words[#words + 1] = string.format("word%d", i * 7919 % 30011) end
local text = table.concat(words, " ")
for word in text:gmatch("%S+") do
	local entry = seen[word] or { text = word, at = {} }
	entry.at[#entry.at + 1] = #entry.at
	seen[word] = entry
end
local out = {}
for word, entry in pairs(seen) do
	out[#out + 1] = function() return word:upper() .. ":" .. #entry.at end
end
for i = 1, #out do sum = sum + #out[i]() end
print(sum + count(kept), #text:gsub("word", "w"))
