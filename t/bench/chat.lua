-- a chat request of 1 KB; MODEL says for which model

local model = os.getenv("MODEL")

local head = '{"model": "' .. model .. '", "messages": ['
    .. '{"role": "system", "content": "You are a helpful assistant."}, '
    .. '{"role": "user", "content": "'
local tail = '"}], "top_p": 0.9, "user": "bench"}'
local text = string.rep("The quick brown fox jumps over the lazy dog. ", 30)

wrk.method = "POST"
wrk.body = head .. string.sub(text, 1, 1024 - #head - #tail) .. tail
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer bench"
