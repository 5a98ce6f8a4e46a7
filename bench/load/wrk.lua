-- Sends the requests of a file, which a NUL ends each, from `first` on; each once, or all over again.
local ffi = require('ffi')
ffi.cdef([[
  struct bench_time { long seconds; long nanoseconds; };
  int clock_gettime(int clock, struct bench_time *time);
]])

local function now()
  local time = ffi.new('struct bench_time')
  ffi.C.clock_gettime(1, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end

local requests, used, once = {}, 0, false
began, ended, sent = 0, 0, 0

function init(args)
  local text = io.open(args[1], 'rb'):read('*a')
  for one in text:gmatch('(%Z+)%z') do requests[#requests + 1] = one end
  once = args[2] == 'once'
end

function request()
  if sent == 0 then began = now() end
  if once and sent == #requests then
    if ended == 0 then ended = now() end
    wrk.thread:stop()
    return ''
  end
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

local thread
function setup(one) thread = one end

function done(summary, latency)
  local seconds = summary.duration / 1e6
  local last = thread:get('ended')
  if last > 0 then seconds = last - thread:get('began') end
  local errors = summary.errors
  io.write(string.format(
    '\n{"completed":%d,"seconds":%f,"sent":%d,"refused":%d,"broken":%d,"p50":%f,"p99":%f,"p999":%f}\n',
    summary.requests, seconds, thread:get('sent'), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency:percentile(99.9) / 1e3))
end
