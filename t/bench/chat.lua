-- a chat request; MODEL says for which model, SIZE how large in bytes, and
-- STREAM, when it is set, that it asks for a stream

local model = os.getenv("MODEL")
local size = tonumber(os.getenv("SIZE") or 1024)

local head = '{"model": "' .. model .. '", "messages": ['
    .. '{"role": "system", "content": "You are a helpful assistant."}, '
    .. '{"role": "user", "content": "'
local tail = '"}], "top_p": 0.9, "user": "bench"'
    .. (os.getenv("STREAM") and ', "stream": true}' or '}')
local fox = "The quick brown fox jumps over the lazy dog. "
local text = string.rep(fox, math.ceil(size / #fox))

wrk.method = "POST"
wrk.body = head .. string.sub(text, 1, size - #head - #tail) .. tail
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer bench"
