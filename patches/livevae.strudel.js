/*
livevae in Strudel (strudel.cc, or your own)

1. In a terminal:   livevae serve
2. In another:      npx @strudel/osc          (it carries Strudel's events to OSC ports)
3. Paste all of this into Strudel, and play. One event is one riff, at the time of the event.

Settings are named in livevae({...}) and can be patterns: livevae({ bars: 1, temp: "<0.3 1.2>" }). They do not
become functions of their own, because Strudel has other uses for seed and transpose.
To play, stop and set voices that go on by themselves, use another host, or the terminal of livevae.

What there is to say (`livevae osc` explains it):

/dirt/play voice name value ...
names of a voice's settings:
model port channel from bars quantum temp follow top drift
prior seed form notes_least notes_most key chords pull
cadence transpose low high velocity accent program bank
level gate swing swing_at humanise touch shift fill density
height syncopation range
*/

Pattern.prototype.livevae = function (settings = {}) {
  const named = (name) => reify(settings[name]).fmap((value) => ({ [name]: value }))
  const all = Object.keys(settings).reduce((pattern, name) => pattern.set(named(name)), this)
  return all.oscport(7770).osc()
}

voice("lead").slow(2).livevae({ bars: 2, temp: "<0.3 1.2>", transpose: 12 })
