-- livevae in TidalCycles (1.7 to 1.10)
--
-- 1. In a terminal:  livevae serve
-- 2. In your BootTidal.hs, directly before the line that starts Tidal, add
--
--      :script /where/it/is/patches/BootLivevae.hs
--
--    and let that line start livevae's target beside SuperDirt's. Tidal 1.10:
--
--      tidalInst <- mkTidalWith [(superdirtTarget, [superdirtShape]), (livevaeTarget, livevaeShapes)] defaultConfig
--
--    Tidal 1.9:
--
--      tidal <- startStream defaultConfig [(superdirtTarget, [superdirtShape]), (livevaeTarget, livevaeShapes)]
--
--    Tidal 1.7 and 1.8, which look less far ahead: the same with (livevaeTarget {oLatency = 0.2}, livevaeShapes).
--
-- 3. Restart Tidal in your editor, evaluate these lines one by one, and listen:
--
--      once $ livevae "set" # voice "lead" # new 1 # bars 2 # temp 0.8
--      once $ livevae "play" # voice "lead"
--      once $ livevae "tempo" # bpm 140 # over 16
--      d1 $ slow 2 $ livevae "sample" # voice "lead" # bars 1 # temp "<0.3 1.2>" # transpose "<0 12>"
--      once $ livevae "stop" # voice "lead"
--      once $ livevae "scene" # name "first-light"
--      once $ livevae "panic"
--      once $ livevae (pure "persona/list")
--
--    A name that is a function of Tidal's has an underscore here: swing_ sends swing, range_ sends range.
--    An event without livevae goes to SuperDirt alone, one without s or sound to livevae alone.
--
-- An event's time is when it sounds: oLatency is 0, so Tidal's own look-ahead (about 0.3 s since 1.9) is the time that
-- livevae has to decode. For a slower model raise cProcessAhead in defaultConfig.
-- livevae answers with errors alone (quiet); Tidal up to 1.9 posts them as "Unhandled OSC", and so does livevae's
-- own terminal.
--
-- What there is to say (`livevae osc` explains it):
--
--   /livevae/ping
--   /livevae/status
--   /livevae/subscribe [topic topic ...] [port value] [for s] [token value]
--   /livevae/unsubscribe [topic topic ...] [port value]
--   /livevae/play [voice]
--   /livevae/stop [voice]
--   /livevae/sample [voice] [recipe value] name value ...
--   /livevae/set voice [new value] name value ...
--   /livevae/tempo bpm [over beats]
--   /livevae/nudge [beats] [ms ms] [over beats]
--   /livevae/tap
--   /livevae/clock [source] [from value] [conduct value]
--   /livevae/map [cc] [voice value] [setting value] [least value] [most value]
--   /livevae/learn [voice] [setting value] [least value] [most value]
--   /livevae/panic
--   /livevae/scene name
--   /livevae/scene/write name [replace value]
--   /livevae/cue [cue]
--   /livevae/blend voice name number ... [over beats]
--   /livevae/latent voice [u1 u2 ...] [over beats]
--   /livevae/call voice [distance value] [bars bars] [riff value]
--   /livevae/trade [bars] [voice value] [distance value]
--   /livevae/mute voice [on value]
--   /livevae/solo voice [on value]
--   /livevae/keep voice [on value] [name value]
--   /livevae/recall name [voice value] [once value]
--   /livevae/crib
--   /livevae/recipe voice
--   /livevae/reroll voice
--   /livevae/undo
--   /livevae/redo
--   /livevae/state [slot]
--   /livevae/persona/take name
--   /livevae/persona/list
--   /livevae/persona/record [bars] [stop value] [clear value]
--   /livevae/persona/train persona [model value] [epochs value]
--   /livevae/persona/save persona
--   /livevae/persona/load persona
--   /livevae/persona/remove persona
--   /livevae/persona/undo
--   names of a voice's settings:
--   model port channel from bars quantum temp follow top drift
--   prior seed form notes_least notes_most key chords pull
--   cadence transpose low high velocity accent program bank
--   level gate swing swing_at humanise touch shift fill density
--   height syncopation range

import Sound.Tidal.Context

livevaeTarget = Target {oName = "livevae", oAddress = "127.0.0.1", oPort = 7770, oBusPort = Nothing, oLatency = 0, oWindow = Nothing, oSchedule = Pre BundleStamp, oHandshake = False}
livevaeShapes = [OSC "/livevae/{livevae}" (Named {requiredArgs = ["livevae"]})]

livevae what = pS "livevae" what # pI "quiet" 1
voice = pS "voice"
recipe = pS "recipe"
new = pI "new"
bpm = pF "bpm"
over = pF "over"
beats = pF "beats"
ms = pF "ms"
source = pS "source"
conduct = pI "conduct"
cc_ = pI "cc"
setting = pS "setting"
least = pF "least"
most = pF "most"
name = pS "name"
replace = pI "replace"
cue = pS "cue"
u1 = pF "u1"
u2 = pF "u2"
u3 = pF "u3"
u4 = pF "u4"
u5 = pF "u5"
u6 = pF "u6"
u7 = pF "u7"
u8 = pF "u8"
distance = pF "distance"
riff = pS "riff"
on = pI "on"
once_ = pI "once"
slot = pS "slot"
stop_ = pI "stop"
clear = pI "clear"
persona = pS "persona"
epochs = pI "epochs"
model = pS "model"
port = pS "port"
channel = pI "channel"
from = pS "from"
bars = pI "bars"
quantum = pF "quantum"
temp = pF "temp"
follow = pS "follow"
top = pI "top"
drift = pF "drift"
prior = pS "prior"
seed = pI "seed"
form = pS "form"
notes_least = pI "notes_least"
notes_most = pI "notes_most"
key = pS "key"
chords = pS "chords"
pull = pF "pull"
cadence = pF "cadence"
transpose = pI "transpose"
low = pI "low"
high = pI "high"
velocity = pI "velocity"
accent = pI "accent"
program = pI "program"
bank = pI "bank"
level = pI "level"
gate = pF "gate"
swing_ = pF "swing"
swing_at = pI "swing_at"
humanise = pF "humanise"
touch = pI "touch"
shift = pF "shift"
fill = pF "fill"
density_ = pF "density"
height = pF "height"
syncopation = pF "syncopation"
range_ = pF "range"
