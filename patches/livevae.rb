# livevae in Sonic Pi
#
# 1. In a terminal:   livevae serve
# 2. Paste this into a buffer and press Run. Riffs of the voice lead come every eight beats, calm and wild in turn.
# 3. Change a number and press Run again.
#
# Arguments go by name: livevae :sample, "lead", bars: 2, temp: 0.8
# What there is to say (`livevae osc` explains it):
#
#   /livevae/ping
#   /livevae/status
#   /livevae/subscribe [topic topic ...] [port value] [for s] [token value]
#   /livevae/unsubscribe [topic topic ...] [port value]
#   /livevae/play [voice]
#   /livevae/stop [voice]
#   /livevae/sample [voice] [recipe value] name value ...
#   /livevae/set voice [new value] name value ...
#   /livevae/tempo bpm [over beats]
#   /livevae/nudge [beats] [ms ms] [over beats]
#   /livevae/tap
#   /livevae/clock [source] [from value] [conduct value]
#   /livevae/map [cc] [voice value] [setting value] [least value] [most value]
#   /livevae/learn [voice] [setting value] [least value] [most value]
#   /livevae/panic
#   /livevae/scene name
#   /livevae/scene/write name [replace value]
#   /livevae/cue [cue]
#   /livevae/blend voice name number ... [over beats]
#   /livevae/latent voice [u1 u2 ...] [over beats]
#   /livevae/call voice [distance value] [bars bars] [riff value]
#   /livevae/trade [bars] [voice value] [distance value]
#   /livevae/mute voice [on value]
#   /livevae/solo voice [on value]
#   /livevae/keep voice [on value] [name value]
#   /livevae/recall name [voice value] [once value]
#   /livevae/crib
#   /livevae/recipe voice
#   /livevae/reroll voice
#   /livevae/undo
#   /livevae/redo
#   /livevae/state [slot]
#   /livevae/persona/take name
#   /livevae/persona/list
#   /livevae/persona/record [bars] [stop value] [clear value]
#   /livevae/persona/train persona [model value] [epochs value]
#   /livevae/persona/save persona
#   /livevae/persona/load persona
#   /livevae/persona/remove persona
#   /livevae/persona/undo
#   names of a voice's settings:
#   model port channel from bars quantum temp follow top drift
#   prior seed form notes_least notes_most key chords pull
#   cadence transpose low high velocity accent program bank
#   level gate swing swing_at humanise touch shift fill density
#   height syncopation range

use_osc "127.0.0.1", 7770

define :livevae do |what, *word, **settings|
  osc "/livevae/#{what}", *word, *settings.flat_map { |name, value| [name.to_s, value] }
end

livevae :tempo, 120
use_bpm 120

live_loop :lead do
  livevae :sample, "lead", bars: 2, temp: (ring 0.3, 1.2).tick, transpose: 0
  sleep 8
end

# Every answer is logged: on which beat it sounds, or what was wrong.
live_loop :livevae_heard do
  use_real_time
  puts sync("/osc*/livevae/*").to_a.each_slice(2).to_h
end

# Voices that go on by themselves: take the # away, run, and put it back.
# livevae :set, "bass", new: 1, bars: 1, low: 28, high: 52, channel: 2
# livevae :play, "bass"
# livevae :stop, "bass"
# livevae :panic
