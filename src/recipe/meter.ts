/** Work of many equal units, whose length shows after the first of them. */
export type Work =
  | 'ranges'
  | 'histograms'
  | 'channels'
  | 'windows'
  | 'roundings'
  | 'learned roundings'
  | 'judging'
  | 'building'

/**
 * Told when such work begins. What it gives is told how much is done, from time to time, and may throw to give the work
 * up: nothing is kept of it then. Work whose result was kept before does not begin.
 */
export type Meter = (work: Work) => (done: number, of: number) => void

/** For whoever has all the time that it takes. */
export const noMeter: Meter = () => () => {}

/** How whoever began a piece of work hears of it, and ends it: an abort throws the signal's reason. */
export interface Watched {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((text: string) => void) | undefined
}

/** Options of work whose pace is watched. */
export interface Metered extends Watched {
  readonly meter?: Meter | undefined
}
