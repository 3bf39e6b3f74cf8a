import type { SeededDraws } from './seeded-draws.ts'

type Corrupt = (samples: Float64Array, severity: number, draws: SeededDraws) => Float64Array

/** White noise at a signal-to-noise ratio in decibels over the whole recording; silence stays silent. */
function noise(samples: Float64Array, severity: number, draws: SeededDraws): Float64Array {
  const decibels = [30, 20, 15, 10, 5][severity - 1]!
  const deviation = Math.sqrt(power(samples) / 10 ** (decibels / 10))
  return samples.map((value) => value + deviation * draws.normal())
}

/** An amplifier that clips at a share of the recording's peak. */
function clipping(samples: Float64Array, severity: number): Float64Array {
  const limit = [0.8, 0.6, 0.4, 0.25, 0.15][severity - 1]! * peak(samples)
  return samples.map((value) => Math.min(limit, Math.max(-limit, value)))
}

/** Recorded too quietly, by this many decibels. */
function gain(samples: Float64Array, severity: number): Float64Array {
  const factor = 10 ** (-[6, 12, 18, 24, 30][severity - 1]! / 20)
  return samples.map((value) => value * factor)
}

/** To a lower sampling rate (each sample the mean of its time) and back (lines between them): high tones are lost. */
function resampling(samples: Float64Array, severity: number): Float64Array {
  const share = [0.75, 0.5, 0.35, 0.25, 0.125][severity - 1]!
  const count = Math.max(1, Math.floor(samples.length * share))
  const step = samples.length / count
  const low = Float64Array.from({ length: count }, (_, i) => {
    const [start, end] = [i * step, (i + 1) * step]
    let sum = 0
    for (let at = Math.floor(start); at < Math.min(samples.length, Math.ceil(end - 1e-9)); at++)
      sum += samples[at]! * (Math.min(end, at + 1) - Math.max(start, at))
    return sum / step
  })
  return samples.map((_, i) => {
    const place = Math.min(count - 1, Math.max(0, (i + 0.5) / step - 0.5))
    const before = Math.floor(place)
    const after = Math.min(count - 1, before + 1)
    return low[before]! + (place - before) * (low[after]! - low[before]!)
  })
}

/** Packets lost on the way: a share of the time, in pieces of a fiftieth of the recording, is silent. */
function dropouts(samples: Float64Array, severity: number, draws: SeededDraws): Float64Array {
  const share = [0.02, 0.05, 0.1, 0.2, 0.3][severity - 1]!
  const piece = Math.max(1, Math.floor(samples.length / 50))
  const pieces = Math.ceil(samples.length / piece)
  const result = Float64Array.from(samples)
  // Exactly this share: chosen without repeats, so that a severity means the same for every row.
  const order = Array.from({ length: pieces }, (_, i) => i)
  for (let i = 0; i < Math.max(1, Math.round(share * pieces)); i++) {
    const other = i + draws.below(pieces - i)
    ;[order[i], order[other]] = [order[other]!, order[i]!]
    result.fill(0, order[i]! * piece, (order[i]! + 1) * piece)
  }
  return result
}

const power = (samples: Float64Array) => samples.reduce((sum, value) => sum + value * value, 0) / samples.length
const peak = (samples: Float64Array) => samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

/** What happens to recordings between a microphone and a model. */
export const soundCorruptions: Readonly<Record<string, { readonly group: string; readonly apply: Corrupt }>> = {
  noise: { group: 'noise', apply: noise },
  clipping: { group: 'recording', apply: clipping },
  gain: { group: 'recording', apply: gain },
  resampling: { group: 'transport', apply: resampling },
  dropouts: { group: 'transport', apply: dropouts },
}
