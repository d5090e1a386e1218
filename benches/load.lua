-- What wrk asks for, and what it says of it in one line.
--
-- Arguments: how numbers are drawn ("any" of first..last, "each" in turn), first, last, then five for each kind of
-- request: weight, method, path, headers ("name: value" by lines), body. "########" stands for the number.

local kinds, draw = {}, nil

local function split(text, separator)
  local parts, from = {}, 1
  while true do
    local at, to = text:find(separator, from, true)
    if not at then break end
    parts[#parts + 1] = text:sub(from, at - 1)
    from = to + 1
  end
  parts[#parts + 1] = text:sub(from)
  return parts
end

function init(args)
  local first, last = tonumber(args[2]), tonumber(args[3])
  if args[1] == "any" then
    math.randomseed(os.time())
    draw = function() return math.random(first, last) end
  else
    local next = first - 1
    draw = function()
      next = next + 1
      return next
    end
  end
  for at = 4, #args, 5 do
    local headers = {}
    for _, line in ipairs(split(args[at + 3], "\n")) do
      local name, value = line:match("^(.-): (.*)$")
      if name then headers[name] = value end
    end
    local body = args[at + 4] ~= "" and args[at + 4] or nil
    local parts = split(wrk.format(args[at + 1], args[at + 2], headers, body), "########")
    for _ = 1, tonumber(args[at]) do kinds[#kinds + 1] = parts end
  end
end

function request()
  local parts = kinds[#kinds == 1 and 1 or math.random(#kinds)]
  if #parts == 1 then return parts[1] end
  return table.concat(parts, string.format("%08d", draw()))
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
end
