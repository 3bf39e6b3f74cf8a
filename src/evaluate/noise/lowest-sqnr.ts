import { type ComparisonReport, grouped } from '../../report/index.ts'
import { CLOSE_DB, changedAt } from './close.ts'

type Outputs = Pick<ComparisonReport, 'outputs'>

/**
 * The outputs that are asked how near they are. The name of a class (one integer or text) beside the scores that it was
 * taken from is not: of a classifier that gives both, answers are counted, and the scores tell the noise.
 */
export const measured = ({ outputs }: Outputs): ComparisonReport['outputs'] => outputs.filter(({ named }) => !named)

/** Those of them that are numbers, of which decibels tell something: of an answer alone it is how many rows changed. */
export const heard = (outputs: Outputs): ComparisonReport['outputs'] =>
  measured(outputs).filter(({ answer }) => !answer)

/** The lowest signal-to-noise ratio of any output, in dB; null where all are identical or none was measured. */
export function lowestSqnrDb(proof: Outputs): number | null {
  return worstOutput(proof)?.sqnrDb ?? null
}

/**
 * The lowest signal-to-noise ratio of any output, in dB, without the rows of the largest numbers; of reports that do
 * not tell, that of all rows. A few rows of unusually large numbers decide what all keep together, not how many answers
 * change.
 */
export function typicalSqnrDb(proof: Outputs): number | null {
  const values = measured(proof).flatMap(({ sqnrDb, typicalDb }) => (sqnrDb === null ? [] : [typicalDb ?? sqnrDb]))
  return values.length > 0 ? Math.min(...values) : null
}

/** Where most rows are by so much quieter than all together, it is rows of large numbers that are far off. */
const FAR_OFF_DB = 6

/** Whether nearly all of the noise is that of rows of large numbers, as where ranges cut off what those hold. */
export function isCutOff(proof: Outputs): boolean {
  const [ofAll, ofMost] = [lowestSqnrDb(proof), typicalSqnrDb(proof)]
  return ofAll !== null && ofMost !== null && ofMost > ofAll + FAR_OFF_DB
}

/**
 * The output whose places are farthest off where large numbers of a few hide it: half of them are not close, and by more
 * than all of them together are.
 */
export function hiddenPlaces(proof: Outputs): (Output & { readonly placesDb: number }) | undefined {
  const hidden = heard(proof).flatMap((output) => {
    const { sqnrDb, placesDb } = output
    const far = sqnrDb !== null && placesDb !== undefined && placesDb < Math.min(CLOSE_DB, sqnrDb - FAR_OFF_DB)
    return far ? [{ ...output, placesDb }] : []
  })
  return hidden.sort((a, b) => a.placesDb - b.placesDb)[0]
}

/** How many rows the noise at the worst output rests on: those that it was measured on, or fewer where it is uneven. */
export function noiseRows(proof: Outputs & Pick<ComparisonReport, 'n'>): number {
  return Math.min(proof.n, worstOutput(proof)?.noiseRows ?? proof.n)
}

type Output = ComparisonReport['outputs'][number]

/** How much of an output is kept: decibels; of whole numbers, such as the class of each place, and of boxes the share that is the same. */
export function keptWords({ sqnrDb, equal, boxes }: Output, digits = 1): string {
  if (boxes?.changed === 0) return `all ${grouped(boxes.compared)} of its boxes`
  if (boxes) return `${shareText(1 - boxes.changed / boxes.compared)} of its ${grouped(boxes.compared)} boxes`
  return equal === undefined
    ? `${sqnrDb!.toFixed(digits)} dB of signal over difference`
    : `${shareText(equal)} of its numbers`
}

/** What so many decibels are of such an output. */
export function askedWords({ equal, boxes }: Output, decibels: number): string {
  return equal === undefined && !boxes ? `${decibels}` : shareText(1 - changedAt(decibels))
}

// What is not all is not called all.
const shareText = (share: number) => `${Math.floor(share * 10_000) / 100} %`

/** The output of the lowest signal-to-noise ratio; undefined where all are identical. */
export function worstOutput(proof: Outputs) {
  return measured(proof)
    .filter(({ sqnrDb }) => sqnrDb !== null)
    .sort((a, b) => a.sqnrDb! - b.sqnrDb!)[0]
}
