import { randomNumbers } from '../src/data/index.ts'

export const SAMPLE_RATE = 16_000

/** Middle frequencies in Hz of three resonances of some vowels, as phonetics gives them for a man's voice. */
const VOWELS = [
  [730, 1090, 2440],
  [270, 2290, 3010],
  [300, 870, 2240],
  [530, 1840, 2480],
  [570, 840, 2410],
] as const
const RESONANCE_HZ = 90

/**
 * A made-up sound of `seconds`, 16,000 numbers a second within ±1: syllables (a voice's harmonics through a vowel's
 * resonances, or the noise of a fricative) with pauses, over the noise of a room. No speech, but what a model for
 * speech tells from silence.
 */
export function sound(seconds: number, seed: number): Float32Array {
  const random = randomNumbers(seed)
  const samples = Float32Array.from({ length: seconds * SAMPLE_RATE }, () => 0.01 * (random() - 0.5))
  for (let at = 0; at < samples.length; ) {
    const length = Math.round(SAMPLE_RATE * (0.08 + 0.2 * random()))
    if (random() < 0.7) addSyllable(samples.subarray(at, at + length), random)
    at += length
  }
  return samples
}

/** Adds one syllable that swells and dies away over the whole of `samples`. */
function addSyllable(samples: Float32Array, random: () => number): void {
  const voiced = random() < 0.8
  const pitch = 90 + 150 * random()
  const vowel = VOWELS[Math.floor(random() * VOWELS.length)]!
  const loudness = 0.05 + 0.3 * random()
  const harmonics = Array.from({ length: Math.floor(4000 / pitch) }, (_, i) => {
    const frequency = (i + 1) * pitch
    const gain = vowel.reduce((sum, middle) => sum + 1 / (1 + ((frequency - middle) / RESONANCE_HZ) ** 2), 0)
    return { step: (2 * Math.PI * frequency) / SAMPLE_RATE, gain: gain / vowel.length, phase: 2 * Math.PI * random() }
  })
  let before = 0
  for (let i = 0; i < samples.length; i++) {
    const swell = Math.sin((Math.PI * i) / samples.length)
    const noise = random() - 0.5
    const voice = harmonics.reduce((sum, { step, gain, phase }) => sum + gain * Math.sin(step * i + phase), 0)
    // The difference of neighbours leaves the high end, where fricatives have their noise.
    samples[i]! += loudness * swell * (voiced ? voice : 0.5 * (noise - before))
    before = noise
  }
}

/** A real transform's frequencies of one window under the root of a Hann window: [size ÷ 2 + 1, 2], real and imaginary. */
export function spectrum(window: Float32Array): Float32Array {
  const size = window.length
  const weighted = window.map((value, i) => value * Math.sqrt(0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size)))
  const bins = new Float32Array((size / 2 + 1) * 2)
  for (let k = 0; k <= size / 2; k++) {
    let [real, imaginary] = [0, 0]
    for (let i = 0; i < size; i++) {
      const angle = (-2 * Math.PI * ((k * i) % size)) / size
      real += weighted[i]! * Math.cos(angle)
      imaginary += weighted[i]! * Math.sin(angle)
    }
    bins[2 * k] = real
    bins[2 * k + 1] = imaginary
  }
  return bins
}
